/** @file Sweeps: lists of runs that are worked off as one job. What is to be run never changes; what has become of it is recorded. */
import { TapsError } from '../contract/errors.ts';
import type { SweepEntry, SweepEntryRecord, SweepPlace, SweepRecord } from '../contract/sweep.ts';
import type { TrainConfig } from '../contract/training.ts';
import type { LibraryContext } from './context.ts';
import { fromJson } from './database.ts';
import { newId } from './ids.ts';

interface EntryRow {
  position: number;
  task_id: string;
  entry: string;
  run_id: string | null;
  failure: string | null;
}

const recordOf = ({ position, task_id: taskId, entry, run_id: runId, failure }: EntryRow): SweepEntryRecord => ({
  position,
  taskId,
  ...fromJson<{ setting: string; config: TrainConfig }>(entry, 'sweep_entries.entry'),
  runId,
  failure,
});

export class Sweeps {
  readonly #context: LibraryContext;

  constructor(context: LibraryContext) {
    this.#context = context;
  }

  /** @throws TapsError `usage` without entries; `not-found` for a task */
  add(title: string, entries: readonly SweepEntry[]): SweepRecord {
    const { writer } = this.#context;
    if (entries.length === 0) throw new TapsError('usage', 'A sweep needs at least one run.', 'Give at least one task, method, setting and seed.');
    const id = newId();
    writer.transaction(() => {
      writer.run('INSERT INTO sweeps (id, spec, created_at) VALUES (?, ?, ?)', id, JSON.stringify({ title }), Date.now());
      entries.forEach(({ taskId, setting, config }, position) => {
        if (writer.get('SELECT 1 FROM tasks WHERE id = ?', taskId) === undefined) throw new TapsError('not-found', `There is no task ${JSON.stringify(taskId)} in the library.`, '`taps task list` shows what there is.');
        writer.run('INSERT INTO sweep_entries (sweep_id, position, task_id, entry) VALUES (?, ?, ?, ?)', id, position, taskId, JSON.stringify({ setting, config }));
      });
    });
    return this.get(id);
  }

  /** @throws TapsError `not-found` */
  get(sweepId: string): SweepRecord {
    const { reader } = this.#context;
    const row = reader.get<{ spec: string; created_at: number; place: string | null }>('SELECT spec, created_at, place FROM sweeps WHERE id = ?', sweepId);
    if (row === undefined) throw new TapsError('not-found', `There is no sweep ${JSON.stringify(sweepId)} in the library.`, '`taps sweep --list` shows what there is.');
    const entries = reader.all<EntryRow>('SELECT position, task_id, entry, run_id, failure FROM sweep_entries WHERE sweep_id = ? ORDER BY position', sweepId);
    return { id: sweepId, title: fromJson<{ title: string }>(row.spec, 'sweeps.spec').title, createdAt: row.created_at, place: row.place === null ? null : fromJson<SweepPlace>(row.place, 'sweeps.place'), entries: entries.map(recordOf) };
  }

  /** Newest first. */
  list(): SweepRecord[] {
    return this.#context.reader.all<{ id: string }>('SELECT id FROM sweeps ORDER BY id DESC').map(({ id }) => this.get(id));
  }

  /** Records the run that works an entry off, or the failure of the last attempt. @throws TapsError `not-found` */
  update(sweepId: string, position: number, { runId, failure }: { runId: string | null; failure: string | null }): void {
    const changed = this.#context.writer.run('UPDATE sweep_entries SET run_id = ?, failure = ? WHERE sweep_id = ? AND position = ?', runId, failure, sweepId, position);
    if (changed === 0) throw new TapsError('not-found', `Sweep ${sweepId} has no entry ${String(position)}.`, '`taps sweep --list` shows what there is.');
  }

  /**
   * Records who works the sweep off. What other machines have, no start of the program counts as interrupted.
   * @param place null: this machine
   * @throws TapsError `not-found`
   */
  setPlace(sweepId: string, place: SweepPlace | null): void {
    const changed = this.#context.writer.run('UPDATE sweeps SET place = ? WHERE id = ?', place === null ? null : JSON.stringify(place), sweepId);
    if (changed === 0) throw new TapsError('not-found', `There is no sweep ${JSON.stringify(sweepId)} in the library.`, '`taps sweep --list` shows what there is.');
  }

  /** Forgets the sweep; its runs and results stay. Returns whether there was one. */
  remove(sweepId: string): boolean {
    return this.#context.writer.run('DELETE FROM sweeps WHERE id = ?', sweepId) > 0;
  }
}
