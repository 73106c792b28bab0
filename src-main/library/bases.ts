/** @file Bases: pretrained networks, each stored once. */
import { TapsError } from '../contract/errors.ts';
import type { BaseLineage } from '../contract/joint.ts';
import type { BaseRecord } from '../contract/records.ts';
import type { BaseFiles } from '../contract/trainer-protocol.ts';
import { dataStartOf, readTensorIndex } from '../formats/safetensors.ts';
import type { BaseShapes } from '../formats/task-artifact-check.ts';
import { baseIdOf } from './base-id.ts';
import { insertBlob, type BlobStore } from './blobs.ts';
import type { LibraryContext } from './context.ts';
import { fromJson, type ReadableDb, type WritableDb } from './database.ts';
import { checkName, notFound } from './names.ts';

interface BaseRow {
  id: string;
  name: string;
  graph_sha256: string;
  graph_bytes: number;
  weights_sha256: string;
  weights_bytes: number;
  preprocessing: string;
  class_names: string;
  summary: string;
  source: string;
  lineage: string | null;
  created_at: number;
  notes: string;
  tags: string;
}

const SELECT = `
  SELECT bases.*, graph.bytes AS graph_bytes, weights.bytes AS weights_bytes
  FROM bases JOIN blobs AS graph ON graph.sha256 = graph_sha256 JOIN blobs AS weights ON weights.sha256 = weights_sha256`;

function recordOf(row: BaseRow): BaseRecord {
  return {
    id: row.id,
    name: row.name,
    graph: { sha256: row.graph_sha256, bytes: row.graph_bytes },
    weights: { sha256: row.weights_sha256, bytes: row.weights_bytes },
    preprocessing: fromJson(row.preprocessing, 'bases.preprocessing'),
    classNames: fromJson(row.class_names, 'bases.class_names'),
    summary: fromJson(row.summary, 'bases.summary'),
    source: row.source,
    ...(row.lineage === null ? {} : { lineage: fromJson<BaseLineage>(row.lineage, 'bases.lineage') }),
    notes: row.notes,
    tags: fromJson(row.tags, 'bases.tags'),
    createdAt: row.created_at,
  };
}

export function findBase(db: ReadableDb, nameOrId: string): BaseRecord | null {
  const row = db.get<BaseRow>(`${SELECT} WHERE bases.id = ?`, nameOrId) ?? db.get<BaseRow>(`${SELECT} WHERE name = ?`, nameOrId);
  return row === undefined ? null : recordOf(row);
}

function insertBase(db: WritableDb, base: BaseRecord): void {
  insertBlob(db, base.graph);
  insertBlob(db, base.weights);
  db.run(
    `INSERT INTO bases (id, name, graph_sha256, weights_sha256, preprocessing, class_names, summary, source, lineage, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    base.id, base.name, base.graph.sha256, base.weights.sha256, JSON.stringify(base.preprocessing),
    JSON.stringify(base.classNames), JSON.stringify(base.summary), base.source, base.lineage === undefined ? null : JSON.stringify(base.lineage), base.createdAt,
  );
}

/** Shapes of a base's weights, from the header of the stored file. */
export async function baseShapes(blobs: BlobStore, weightsSha256: string): Promise<BaseShapes> {
  const { head, fileBytes } = await blobs.readHead(weightsSha256, dataStartOf);
  const index = readTensorIndex(head, fileBytes);
  return (name) => index.get(name)?.shape;
}

export interface NewBase extends Pick<BaseRecord, 'name' | 'preprocessing' | 'classNames' | 'summary' | 'source' | 'lineage'> {
  /** ONNX without weight data: the bytes, or the path of a file to copy. */
  graph: Uint8Array | string;
  /** Safetensors: the bytes, or the path of a file to copy. */
  weights: Uint8Array | string;
}

export class Bases {
  readonly #context: LibraryContext;

  constructor(context: LibraryContext) {
    this.#context = context;
  }

  /**
   * Stores a base. Bytes that are already there under any name return the existing record.
   * @throws TapsError `already-exists` when another base has the name; `model-malformed` for weights that are not
   * safetensors; `invalid-config`, `disk-full`, `io-failed`
   */
  async add(base: NewBase): Promise<BaseRecord> {
    const { blobs, writer } = this.#context;
    checkName('base', base.name);
    return this.#context.exclusive(async () => {
      const graph = await blobs.put(base.graph);
      const weights = await blobs.put(base.weights);
      const id = baseIdOf(graph.sha256, weights.sha256);
      await baseShapes(blobs, weights.sha256);
      const { name, preprocessing, classNames, summary, source, lineage } = base;
      const record: BaseRecord = { id, name, graph, weights, preprocessing, classNames, summary, source, ...(lineage === undefined ? {} : { lineage }), notes: '', tags: [], createdAt: Date.now() };
      return writer.transaction(() => {
        const same = findBase(writer, id);
        if (same?.id === id) return same;
        if (findBase(writer, name) !== null) throw new TapsError('already-exists', `The library has another base named ${JSON.stringify(name)}.`, 'Choose another name with --name, or remove that base first.');
        insertBase(writer, record);
        return record;
      });
    });
  }

  /** By name. */
  list(): BaseRecord[] {
    return this.#context.reader.all<BaseRow>(`${SELECT} ORDER BY name`).map(recordOf);
  }

  /** @throws TapsError `not-found` with the names that come near */
  get(nameOrId: string): BaseRecord {
    const { reader } = this.#context;
    const base = findBase(reader, nameOrId);
    if (base !== null) return base;
    throw notFound('base', nameOrId, reader.all<{ name: string }>('SELECT name FROM bases').map(({ name }) => name));
  }

  /**
   * Changes what a person writes about a base.
   * @throws TapsError `not-found`; `already-exists` when another base has the name; `invalid-config`
   */
  update(nameOrId: string, { name, notes, tags }: { name?: string | undefined; notes?: string | undefined; tags?: string[] | undefined }): BaseRecord {
    const { writer } = this.#context;
    if (name !== undefined) checkName('base', name);
    return writer.transaction(() => {
      const { id } = this.get(nameOrId);
      if (name !== undefined && writer.get('SELECT 1 FROM bases WHERE name = ? AND id <> ?', name, id) !== undefined) {
        throw new TapsError('already-exists', `The library has another base named ${JSON.stringify(name)}.`, 'Choose another name.');
      }
      writer.run('UPDATE bases SET name = coalesce(?, name), notes = coalesce(?, notes), tags = coalesce(?, tags) WHERE id = ?', name ?? null, notes ?? null, tags === undefined ? null : JSON.stringify(tags), id);
      return this.get(id);
    });
  }

  /**
   * Forgets a base; its blobs become garbage.
   * @throws TapsError `not-found`; `already-exists` while tasks use it
   */
  remove(nameOrId: string): void {
    const { writer } = this.#context;
    writer.transaction(() => {
      const { id, name } = this.get(nameOrId);
      const users = writer.all<{ name: string }>('SELECT name FROM tasks WHERE base_id = ? ORDER BY name', id).map((task) => task.name);
      if (users.length > 0) {
        throw new TapsError('already-exists', `The base ${JSON.stringify(name)} is used by ${String(users.length)} task(s): ${users.slice(0, 5).join(', ')}${users.length > 5 ? ', ...' : ''}.`, 'Remove those tasks first.', { details: { tasks: users } });
      }
      writer.run('DELETE FROM bases WHERE id = ?', id);
    });
  }

  /** Where its files lie. Whoever reads them verifies the hashes. */
  files(base: BaseRecord): BaseFiles {
    const { blobs } = this.#context;
    return {
      baseId: base.id,
      graphPath: blobs.pathOf(base.graph.sha256),
      graphSha256: base.graph.sha256,
      weightsPath: blobs.pathOf(base.weights.sha256),
      weightsSha256: base.weights.sha256,
    };
  }
}
