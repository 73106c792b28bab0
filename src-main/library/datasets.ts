/** @file Datasets: manifests of images with their hashes. The images themselves stay where they are. */
import { sep } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { DatasetManifest } from '../contract/dataset.ts';
import type { DatasetRecord } from '../contract/records.ts';
import type { LibraryContext } from './context.ts';
import { fromJson, type WritableDb } from './database.ts';
import { summaryOf, type DatasetSummary } from './dataset-summary.ts';
import { newId } from './ids.ts';

interface DatasetRow {
  id: string;
  parent_id: string | null;
  manifest: string;
  created_at: number;
}

const recordOf = (row: DatasetRow): DatasetRecord => ({
  id: row.id,
  parentId: row.parent_id,
  manifest: fromJson(row.manifest, 'datasets.manifest'),
  createdAt: row.created_at,
});

/** Part of the transaction that records it. */
export function insertDataset(db: WritableDb, { id, parentId, manifest, createdAt }: DatasetRecord): void {
  const { images, coverIndices } = summaryOf(manifest);
  db.run(
    'INSERT INTO datasets (id, parent_id, hash, root, created_at, manifest, images, covers) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    id, parentId, manifest.hash, manifest.root, createdAt, JSON.stringify(manifest), images, JSON.stringify(coverIndices),
  );
}

export class Datasets {
  readonly #context: LibraryContext;

  constructor(context: LibraryContext) {
    this.#context = context;
  }

  /**
   * Records a manifest. The same dataset version in the same folder returns the existing record.
   * @param parentId the version it was made from; null for one read from files
   */
  add(manifest: DatasetManifest, { parentId = null }: { parentId?: string | null } = {}): DatasetRecord {
    const { writer } = this.#context;
    return writer.transaction(() => {
      const existing = writer.get<DatasetRow>('SELECT * FROM datasets WHERE hash = ? AND root = ?', manifest.hash, manifest.root);
      if (existing !== undefined) return recordOf(existing);
      const record: DatasetRecord = { id: newId(), parentId, manifest, createdAt: Date.now() };
      insertDataset(writer, record);
      return record;
    });
  }

  /**
   * Follows pictures that moved with their folder, such as unpacked archives inside a library that was copied.
   * @param from absolute folder; roots below it change to below `to`. Returns how many did.
   */
  relocate(from: string, to: string): number {
    const { writer } = this.#context;
    return writer.transaction(() => {
      const inside = writer.all<{ id: string; root: string }>('SELECT id, root FROM datasets').filter(({ root }) => root.startsWith(from + sep));
      for (const { id, root } of inside) {
        const moved = to + root.slice(from.length);
        writer.run("UPDATE datasets SET root = @moved, manifest = json_set(manifest, '$.root', @moved) WHERE id = @id", { moved, id });
      }
      return inside.length;
    });
  }

  /** @throws TapsError `not-found` */
  get(id: string): DatasetRecord {
    const row = this.#context.reader.get<DatasetRow>('SELECT * FROM datasets WHERE id = ?', id);
    if (row === undefined) throw noSuchDataset(id);
    return recordOf(row);
  }

  /** Without reading the manifest, which may be long. @throws TapsError `not-found` */
  summary(id: string): DatasetSummary {
    const row = this.#context.reader.get<{ images: number; covers: string }>('SELECT images, covers FROM datasets WHERE id = ?', id);
    if (row === undefined) throw noSuchDataset(id);
    return { images: row.images, coverIndices: fromJson(row.covers, 'datasets.covers') };
  }

  /** Folders of the datasets that tasks learn or have learnt from, and of those these were made from; each once. */
  rootsInUse(): string[] {
    return this.#context.reader
      .all<{ root: string }>(
        `WITH RECURSIVE kept (id) AS (
           SELECT dataset_id FROM tasks
           UNION SELECT dataset_id FROM runs WHERE dataset_id IS NOT NULL
           UNION SELECT parent_id FROM datasets JOIN kept ON datasets.id = kept.id WHERE parent_id IS NOT NULL
         )
         SELECT DISTINCT root FROM kept JOIN datasets ON datasets.id = kept.id`,
      )
      .map(({ root }) => root);
  }

  /**
   * Every version a task has learnt or will learn from, with the versions those were made from; oldest first.
   * @throws TapsError `library-damaged`
   */
  versions(taskId: string): DatasetRecord[] {
    return this.#context.reader
      .all<DatasetRow>(
        `WITH RECURSIVE versions (id) AS (
           SELECT dataset_id FROM tasks WHERE id = @taskId
           UNION SELECT dataset_id FROM runs WHERE task_id = @taskId AND dataset_id IS NOT NULL
           UNION SELECT parent_id FROM datasets JOIN versions ON datasets.id = versions.id WHERE parent_id IS NOT NULL
         )
         SELECT datasets.* FROM versions JOIN datasets ON datasets.id = versions.id ORDER BY created_at, datasets.id`,
        { taskId },
      )
      .map(recordOf);
  }
}

function noSuchDataset(id: string): TapsError {
  return new TapsError('not-found', `There is no dataset ${JSON.stringify(id)} in the library.`, 'Run `taps task list` to see the tasks and their datasets.');
}
