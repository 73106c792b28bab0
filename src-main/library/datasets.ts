/** @file Datasets: manifests of images with their hashes. The images themselves stay where they are. */
import { TapsError } from '../contract/errors.ts';
import type { DatasetManifest } from '../contract/dataset.ts';
import type { DatasetRecord } from '../contract/records.ts';
import type { LibraryContext } from './context.ts';
import { fromJson } from './database.ts';
import { newId } from './ids.ts';

interface DatasetRow {
  id: string;
  manifest: string;
  created_at: number;
}

const recordOf = (row: DatasetRow): DatasetRecord => ({
  id: row.id,
  manifest: fromJson(row.manifest, 'datasets.manifest'),
  createdAt: row.created_at,
});

export class Datasets {
  readonly #context: LibraryContext;

  constructor(context: LibraryContext) {
    this.#context = context;
  }

  /** Records a manifest. The same dataset version in the same folder returns the existing record. */
  add(manifest: DatasetManifest): DatasetRecord {
    const { writer } = this.#context;
    return writer.transaction(() => {
      const existing = writer.get<DatasetRow>('SELECT * FROM datasets WHERE hash = ? AND root = ?', manifest.hash, manifest.root);
      if (existing !== undefined) return recordOf(existing);
      const record: DatasetRecord = { id: newId(), manifest, createdAt: Date.now() };
      writer.run('INSERT INTO datasets (id, hash, root, created_at, manifest) VALUES (?, ?, ?, ?, ?)', record.id, manifest.hash, manifest.root, record.createdAt, JSON.stringify(manifest));
      return record;
    });
  }

  /** @throws TapsError `not-found` */
  get(id: string): DatasetRecord {
    const row = this.#context.reader.get<DatasetRow>('SELECT * FROM datasets WHERE id = ?', id);
    if (row === undefined) throw new TapsError('not-found', `There is no dataset ${JSON.stringify(id)} in the library.`, 'Run `taps task list` to see the tasks and their datasets.');
    return recordOf(row);
  }
}
