/** @file Folders and tables of many pictures: told while they are listed, stopped where they are. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import { scanDataset, type ScanOptions } from '../../src-main/data/scan.ts';

const FILES = 3000;
const folder = mkdtempSync(join(tmpdir(), 'taps-many-files-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const names: string[] = [];
for (const className of ['a', 'b']) {
  mkdirSync(join(folder, 'images', className), { recursive: true });
  for (let number = 0; number < FILES / 2; number++) {
    writeFileSync(join(folder, 'images', className, `${String(number)}.png`), `${className} ${String(number)}`);
    names.push(`${className}/${String(number)}.png`);
  }
}
const table = join(folder, 'images', 'table.csv');
writeFileSync(table, ['file_name,label', ...names.map((name) => `${name},${name.slice(0, 1)}`)].join('\n'));

interface Told {
  done: number;
  total: number;
}
/** Looks through and cancels at the first report for which `at` says so. */
async function scan(path: string, at: (told: Told) => boolean): Promise<{ told: Told[]; error: unknown }> {
  const controller = new AbortController();
  const told: Told[] = [];
  const options: ScanOptions = { seed: 0, validation: 0.1, test: 0.1, signal: controller.signal, onProgress: (done, total) => {
    told.push({ done, total });
    if (at({ done, total })) controller.abort();
  } };
  const error: unknown = await scanDataset(path, options).then(() => null, (failure: unknown) => failure);
  return { told, error };
}
const cancelled = (error: unknown): boolean => error instanceof TapsError && error.code === 'cancelled';

for (const [kind, path] of [['a folder', join(folder, 'images', '..', 'images')], ['a table', table]] as const) {
  test(`${kind}: every picture is counted, first without a total`, async () => {
    if (kind === 'a folder') rmSync(join(folder, 'images', 'metadata.csv'), { force: true });
    const { told, error } = await scan(path, () => false);
    assert.equal(error, null);
    const listed = told.filter(({ total }) => total === 0);
    assert.deepEqual(listed.map(({ done }) => done), [500, 1000, 1500, 2000, 2500, 3000]);
    assert.deepEqual(told.at(-1), { done: FILES, total: FILES });
  });

  test(`${kind}: cancelled while it is listed, no file is read`, async () => {
    const { told, error } = await scan(path, ({ done }) => done >= 1000);
    assert.ok(cancelled(error), String(error));
    assert.deepEqual(told, [{ done: 500, total: 0 }, { done: 1000, total: 0 }]);
  });

  test(`${kind}: cancelled while files are hashed, the rest is left alone`, async () => {
    const { told, error } = await scan(path, ({ done, total }) => total > 0 && done >= 50);
    assert.ok(cancelled(error), String(error));
    const hashed = told.filter(({ total }) => total > 0).length;
    assert.ok(hashed >= 50 && hashed < 100, `${String(hashed)} files were hashed`);
  });
}

test('cancelled before it begins, nothing is told', async () => {
  const controller = new AbortController();
  controller.abort();
  await assert.rejects(scanDataset(join(folder, 'images'), { seed: 0, validation: 0, test: 0, signal: controller.signal }), cancelled);
});
