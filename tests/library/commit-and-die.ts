/** @file Child process of crash.test: commits a delta and kills itself at a named point. Usage: <library folder> <point>. */
import { encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { BlobStore } from '../../src-main/library/blobs.ts';
import { LibraryContext } from '../../src-main/library/context.ts';
import { Deltas } from '../../src-main/library/deltas.ts';
import { takeLock } from '../../src-main/library/lock.ts';
import { MIGRATIONS } from '../../src-main/library/migrations/index.ts';
import { openForWriting } from '../../src-main/library/open-database.ts';
import { nodeFileSystem, type FileSystem } from '../../src-main/platform/file-system.ts';
import { sampleArtifact } from './sample-library.ts';

const [folder = '', point = ''] = process.argv.slice(2);

function dieAt(name: string): void {
  if (name === point) process.kill(process.pid, 'SIGKILL');
}

const fileSystem: FileSystem = {
  ...nodeFileSystem,
  createFile: async (path, mode) => {
    const file = await nodeFileSystem.createFile(path, mode);
    dieAt('createFile');
    return {
      ...file,
      write: async (bytes) => {
        await file.write(bytes.subarray(0, bytes.length >> 1));
        dieAt('write');
        await file.write(bytes.subarray(bytes.length >> 1));
      },
      sync: async () => {
        await file.sync();
        dieAt('sync');
      },
    };
  },
  rename: async (from, to) => {
    await nodeFileSystem.rename(from, to);
    dieAt('rename');
  },
  syncFolder: async (path) => {
    await nodeFileSystem.syncFolder(path);
    dieAt('syncFolder');
  },
};

const db = openForWriting(`${folder}/library.db`, MIGRATIONS);
takeLock(db, folder);
const context = new LibraryContext({
  folder,
  blobs: new BlobStore(folder, fileSystem),
  fileSystem,
  readOnly: false,
  db: {
    ...db,
    // Dies with every statement done and nothing committed.
    transaction: (work) =>
      db.transaction(() => {
        const result = work();
        dieAt('transaction');
        return result;
      }),
  },
});
const task = db.get<{ id: string }>('SELECT id FROM tasks');
const run = db.get<{ id: string }>('SELECT id FROM runs');
await new Deltas(context).commit({ taskId: task?.id ?? '', runId: run?.id ?? '', artifact: encodeTaskFile(sampleArtifact()), testAccuracy: 0.5 });
dieAt('committed');
