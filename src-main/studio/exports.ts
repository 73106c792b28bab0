/** @file The list of exports: kept with the library, newest first. */
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { ExportView } from '../contract/studio/export.ts';
import { preprocessingSchema } from '../contract/preprocessing.ts';
import type { Library } from '../services/open-library.ts';
import { snippetsOf } from './snippets.ts';

const KEY = 'exports';
const KEPT = 200;

const exportSchema = z.object({
  id: z.string(),
  taskId: z.string(),
  taskName: z.string(),
  deltaId: z.string(),
  /** null: an adapter folder. */
  model: z
    .object({
      fileName: z.string(),
      parity: z.object({ maxAbsLogitDiff: z.number(), top1Agreement: z.number(), images: z.number(), limit: z.number() }),
      preprocessing: preprocessingSchema,
      classNames: z.array(z.string()),
    })
    .nullable(),
  path: z.string(),
  bytes: z.number(),
  createdAt: z.number(),
});
export type StoredExport = z.infer<typeof exportSchema>;

/** Entries of another version are left out. */
export function storedExports(library: Library): StoredExport[] {
  const list = z.array(z.unknown()).safeParse(library.documents.get(KEY));
  return (list.data ?? []).flatMap((entry) => exportSchema.safeParse(entry).data ?? []);
}

/** An export to the same path replaces the earlier entry, as it replaced the file. */
export function recordExport(library: Library, made: Omit<StoredExport, 'id' | 'createdAt'>): StoredExport {
  const entry = { ...made, id: randomBytes(8).toString('hex'), createdAt: Date.now() };
  const others = storedExports(library).filter(({ path }) => path !== entry.path);
  library.documents.set(KEY, [entry, ...others].slice(0, KEPT));
  return entry;
}

/** null for an adapter folder, which is no model that runs by itself. */
export function exportView({ model, path, ...entry }: StoredExport): ExportView | null {
  if (model === null) return null;
  const { fileName, parity } = model;
  return { ...entry, format: 'onnx', fileName, displayPath: path, parity, snippets: snippetsOf(model) };
}

/** Beside the library folder, so that emptying one does not empty the other. */
export function defaultExportFolder(libraryFolder: string): string {
  return join(dirname(libraryFolder), 'exports');
}
