/** @file Atomic writes: complete or absent at every failure; errors say volume, bytes and what to do. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import { stageFile, writeFileAtomic } from '../../src-main/platform/atomic-file.ts';
import { nodeFileSystem } from '../../src-main/platform/file-system.ts';
import { sha256OfBytes, sha256OfFile } from '../../src-main/platform/hash.ts';
import { storageError, volumeOf } from '../../src-main/platform/storage-error.ts';
import { failingFileSystem } from './failing-file-system.ts';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'taps-platform-'));
  t.after(() => { rmSync(folder, { recursive: true }); });
  return folder;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

test('a file is replaced and nothing else is left', async (t) => {
  const path = join(folderOf(t), 'notes');
  await writeFileAtomic(path, text('one'));
  await writeFileAtomic(path, text('two'));
  assert.equal(readFileSync(path, 'utf8'), 'two');
  assert.deepEqual(readdirSync(join(path, '..')), ['notes']);
});

test('content is on the medium before the name, and the name before the return', async (t) => {
  const log: string[] = [];
  const noted = <Result>(name: string, work: () => Promise<Result>): Promise<Result> => {
    log.push(name);
    return work();
  };
  await writeFileAtomic(join(folderOf(t), 'notes'), text('one'), {
    ...nodeFileSystem,
    createFile: async (path, mode) => {
      const file = await noted('create', () => nodeFileSystem.createFile(path, mode));
      return { write: (bytes) => noted('write', () => file.write(bytes)), sync: () => noted('sync', () => file.sync()), close: () => noted('close', () => file.close()) };
    },
    rename: (from, to) => noted('rename', () => nodeFileSystem.rename(from, to)),
    syncFolder: (path) => noted('sync folder', () => nodeFileSystem.syncFolder(path)),
  });
  assert.deepEqual(log, ['create', 'write', 'sync', 'close', 'rename', 'sync folder']);
});

test('failure at the n-th operation leaves the old or the new content', async (t) => {
  for (const [code, expected] of [['ENOSPC', 'disk-full'], ['EIO', 'io-failed']] as const) {
    for (let failAt = 1; ; failAt++) {
      const folder = folderOf(t);
      const path = join(folder, 'notes');
      writeFileSync(path, 'old content');
      const { fileSystem, hasFailed } = failingFileSystem(nodeFileSystem, failAt, code);
      const failure = await writeFileAtomic(path, text('new'), fileSystem).then(() => null, (error: unknown) => error);
      assert.ok(['old content', 'new'].includes(readFileSync(path, 'utf8')), `operation ${String(failAt)}`);
      assert.deepEqual(readdirSync(folder), ['notes']);
      if (!hasFailed()) {
        assert.equal(failure, null);
        break;
      }
      assert.ok(failure instanceof TapsError);
      assert.equal(failure.code, expected);
      assert.ok(failAt < 20);
    }
  }
});

test('a staged file reports size and hash, and vanishes when discarded', async (t) => {
  const folder = folderOf(t);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield text('ab');
    await Promise.resolve();
    yield text('c');
  }
  const staged = await stageFile(folder, chunks());
  assert.deepEqual([staged.sizeBytes, staged.sha256], [3, sha256OfBytes('abc')]);
  await staged.discard();
  assert.deepEqual(readdirSync(folder), []);
});

test('a source that fails leaves nothing', async (t) => {
  const folder = folderOf(t);
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield text('ab');
    await Promise.resolve();
    throw new Error('source gone');
  }
  await assert.rejects(stageFile(folder, broken()), /source gone/);
  assert.deepEqual(readdirSync(folder), []);
});

test('SHA-256 of bytes and of files agree with the published value', async (t) => {
  const path = join(folderOf(t), 'abc');
  writeFileSync(path, 'abc');
  const published = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.equal(sha256OfBytes('abc'), published);
  assert.equal(await sha256OfFile(path), published);
  await assert.rejects(sha256OfFile(`${path}.absent`), (error: unknown) => error instanceof TapsError && error.code === 'io-failed');
});

test('a full disk is reported with volume, free and needed bytes', (t) => {
  const folder = folderOf(t);
  const error = storageError(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }), 'write', join(folder, 'x', 'y'), 12_345);
  const volume = volumeOf(folder);
  assert.ok(volume !== null && folder.startsWith(volume.mountPoint) && volume.freeBytes >= 0);
  assert.equal(error.code, 'disk-full');
  assert.match(error.message, /12345 bytes were to be written/);
  assert.ok(error.message.includes(`The volume at ${volume.mountPoint} has `));
  assert.equal(error.details?.['neededBytes'], 12_345);
});

test('parts of files are read, and folders listed recursively', async (t) => {
  const folder = folderOf(t);
  await nodeFileSystem.makeFolder(join(folder, 'b', 'c'));
  writeFileSync(join(folder, 'b', 'c', 'deep'), '12345');
  writeFileSync(join(folder, 'a'), '1');
  assert.deepEqual(await nodeFileSystem.listFiles(folder), [{ path: 'a', sizeBytes: 1 }, { path: 'b/c/deep', sizeBytes: 5 }]);
  assert.deepEqual(await nodeFileSystem.listFiles(join(folder, 'absent')), []);
  assert.equal(new TextDecoder().decode(await nodeFileSystem.readFile(join(folder, 'b', 'c', 'deep'), 2)), '12');
  assert.equal(await nodeFileSystem.sizeOf(join(folder, 'absent')), null);
});
