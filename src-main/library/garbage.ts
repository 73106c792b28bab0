/** @file Removes what nothing refers to: rows first, then files, so that an interruption leaves only garbage. */
import { storageError } from '../platform/storage-error.ts';
import type { LibraryContext } from './context.ts';
import { findGarbage } from './verify.ts';

export interface GarbageReport {
  removedBlobs: number;
  freedBytes: number;
  removedLeftovers: number;
  removedDatasets: number;
}

/** @throws TapsError `io-failed` for a file that cannot be removed; the library stays whole */
export async function collectGarbage(context: LibraryContext): Promise<GarbageReport> {
  const { writer, fileSystem } = context;
  return context.exclusive(async () => {
    const removedDatasets = writer.transaction(() => {
      writer.run(
        `DELETE FROM blobs WHERE NOT EXISTS (SELECT 1 FROM bases WHERE graph_sha256 = sha256)
           AND NOT EXISTS (SELECT 1 FROM bases WHERE weights_sha256 = sha256)
           AND NOT EXISTS (SELECT 1 FROM deltas WHERE blob_sha256 = sha256)`,
      );
      // What a task or a run learnt from stays, with the versions that was made from.
      return writer.run(
        `DELETE FROM datasets WHERE id NOT IN (
           WITH RECURSIVE kept (id) AS (
             SELECT dataset_id FROM tasks
             UNION SELECT dataset_id FROM runs WHERE dataset_id IS NOT NULL
             UNION SELECT parent_id FROM datasets JOIN kept ON datasets.id = kept.id WHERE parent_id IS NOT NULL
           )
           SELECT id FROM kept
         )`,
      );
    });
    const { orphans, leftovers } = await findGarbage(context);
    for (const path of [...orphans.map((orphan) => orphan.path), ...leftovers]) {
      try {
        await fileSystem.remove(path);
      } catch (error) {
        throw storageError(error, 'remove', path);
      }
    }
    return {
      removedBlobs: orphans.length,
      freedBytes: orphans.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      removedLeftovers: leftovers.length,
      removedDatasets,
    };
  });
}
