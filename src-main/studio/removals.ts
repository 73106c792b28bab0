/** @file Removal that can be taken back: hidden at once, carried out a little later or when the library closes. */
import { randomBytes } from 'node:crypto';
import { forgetJointRun, listJointRuns } from '../services/joint-runs.ts';
import type { Library } from '../services/open-library.ts';
import type { StudioEvents } from './events.ts';

export type RemovalKind = 'base' | 'task' | 'run' | 'sweep' | 'joint';

export const UNDO_MS = 10_000;

interface Removal {
  id: string;
  kind: RemovalKind;
  itemId: string;
  name: string;
  timer: NodeJS.Timeout;
}

export class Removals {
  readonly #library: Library;
  readonly #events: StudioEvents;
  /** In the order they were asked for: tasks before the base they were on. */
  readonly #pending = new Map<string, Removal>();
  #finishing: Promise<unknown> = Promise.resolve();
  #finished = 0;

  constructor(library: Library, events: StudioEvents) {
    this.#library = library;
    this.#events = events;
  }

  /** Removals carried out. */
  get finished(): number {
    return this.#finished;
  }

  isHidden(kind: RemovalKind, itemId: string): boolean {
    return this.#of(kind, itemId) !== undefined;
  }

  /** What is about to be removed. */
  hiddenIds(kind: RemovalKind): string[] {
    return [...this.#pending.values()].filter((removal) => removal.kind === kind).map(({ itemId }) => itemId);
  }

  #of(kind: RemovalKind, itemId: string): Removal | undefined {
    return [...this.#pending.values()].find((removal) => removal.kind === kind && removal.itemId === itemId);
  }

  /** The caller has made sure that it may be removed. Asking twice is asking once. */
  start(kind: RemovalKind, itemId: string, name: string): { removalId: string; undoMs: number; name: string } {
    const known = this.#of(kind, itemId);
    if (known !== undefined) return { removalId: known.id, undoMs: UNDO_MS, name };
    const id = randomBytes(12).toString('hex');
    const timer = setTimeout(() => void this.finish(id), UNDO_MS);
    timer.unref();
    this.#pending.set(id, { id, kind, itemId, name, timer });
    this.#events.libraryChanged();
    return { removalId: id, undoMs: UNDO_MS, name };
  }

  /** False when it is too late. A task that comes back brings its base back. */
  undo(removalId: string): boolean {
    const removal = this.#pending.get(removalId);
    if (removal === undefined) return false;
    // While its folders are being removed the task is gone already.
    const task = removal.kind === 'task' ? this.#library.tasks.findById(removal.itemId) : null;
    if (removal.kind === 'task' && task === null) return false;
    this.#forget(removal);
    if (task !== null) {
      const base = this.#of('base', task.baseId);
      if (base !== undefined) this.#forget(base);
    }
    this.#events.libraryChanged();
    return true;
  }

  #forget(removal: Removal): void {
    clearTimeout(removal.timer);
    this.#pending.delete(removal.id);
  }

  /** Carries a removal out, after those that were asked for before it. */
  finish(removalId: string): Promise<void> {
    const done = this.#finishing.then(async () => {
      const removal = this.#pending.get(removalId);
      if (removal === undefined) return;
      clearTimeout(removal.timer);
      try {
        await this.#remove(removal);
        this.#finished++;
      } catch {
        // It cannot be removed (a full disk, a task that came back): it shows again.
      }
      this.#pending.delete(removalId);
      this.#events.libraryChanged();
    });
    this.#finishing = done;
    return done;
  }

  async #remove({ kind, itemId }: Removal): Promise<void> {
    if (kind === 'base') this.#library.bases.remove(itemId);
    else if (kind === 'task') await this.#library.tasks.remove(itemId);
    else if (kind === 'run') await this.#library.runs.remove(itemId);
    else if (kind === 'sweep') this.#library.sweeps.remove(itemId);
    else await forgetJointRun(this.#library, listJointRuns(this.#library).find(({ id }) => id === itemId)?.name ?? '');
  }

  /** Frees a name that a hidden base or task still holds. */
  async finishNamed(kind: 'base' | 'task', name: string): Promise<void> {
    for (const removal of [...this.#pending.values()]) if (removal.kind === kind && removal.name === name) await this.finish(removal.id);
  }

  /** For something that is stored again while it is hidden. */
  restore(kind: RemovalKind, itemId: string): void {
    const removal = this.#of(kind, itemId);
    if (removal !== undefined) this.undo(removal.id);
  }

  async finishAll(): Promise<void> {
    for (const id of [...this.#pending.keys()]) await this.finish(id);
    await this.#finishing;
  }
}
