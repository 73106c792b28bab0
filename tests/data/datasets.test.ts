/** @file Image folders, CSV files, splits, hashes and what is wrong with datasets. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { TapsError } from '../../src-main/contract/errors.ts';
import type { Split } from '../../src-main/contract/dataset.ts';
import { batchesPerEpoch, epochOrder, trainingBatch } from '../../src-main/core/batching.ts';
import { splitClass } from '../../src-main/core/split.ts';
import { parseCsv } from '../../src-main/data/parse-csv.ts';
import { scanDataset } from '../../src-main/data/scan.ts';

const root = mkdtempSync(join(tmpdir(), 'taps-data-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});
const OPTIONS = { seed: 1, validation: 0.2, test: 0.2 };

/** Content is not looked at while scanning: any bytes will do. */
function files(folder: string, names: Record<string, string>): string {
  for (const [name, content] of Object.entries(names)) {
    mkdirSync(dirname(join(root, folder, name)), { recursive: true });
    writeFileSync(join(root, folder, name), content);
  }
  return join(root, folder);
}
const classOf = (name: string, count: number, extension = 'jpg'): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${name}/${String(index)}.${extension}`, `${name} ${String(index)}`]));

async function refused(path: string, pattern: RegExp): Promise<void> {
  await assert.rejects(scanDataset(path, OPTIONS), (error: unknown) => {
    assert.ok(error instanceof TapsError, String(error));
    assert.match(error.message, pattern);
    assert.notEqual(error.advice, '');
    return true;
  });
}

describe('folders', () => {
  test('classes are sorted folder names, pictures lie anywhere below, extensions in any case', async () => {
    const path = files('plain', { ...classOf('zebra', 20), ...classOf('Ant', 20, 'PNG'), 'zebra/deep/er/x.webp': 'x', 'zebra/notes.txt': 'no', '.git/y.jpg': 'no', 'Ant/.hidden.jpg': 'no' });
    const manifest = await scanDataset(path, OPTIONS);
    assert.deepEqual(manifest.classes, ['Ant', 'zebra']);
    assert.equal(manifest.images.length, 41);
    assert.deepEqual(manifest.splitSource, { kind: 'seeded', seed: 1, validation: 0.2, test: 0.2 });
    for (const label of [0, 1]) assert.equal(manifest.images.filter((image) => image.label === label && image.split === 'test').length, 4);
  });

  test('train, val and test folders are kept; a missing validation is drawn from train', async () => {
    const both = { ...classOf('train/a', 10), ...classOf('train/b', 10), ...classOf('test/a', 3), ...classOf('test/b', 3) };
    const manifest = await scanDataset(files('splits', both), OPTIONS);
    const count = (split: Split): number => manifest.images.filter((image) => image.split === split).length;
    assert.deepEqual([count('train'), count('validation'), count('test')], [16, 4, 6]);
    assert.ok(manifest.images.every((image) => image.split !== 'test' || image.path.startsWith('test/')));
    const given = await scanDataset(files('given', { ...both, ...classOf('val/a', 2), ...classOf('val/b', 2) }), OPTIONS);
    assert.deepEqual(given.splitSource, { kind: 'folders' });
  });

  test('the hash is that of contents, labels and splits: not of the place, not of names', async () => {
    const path = files('here', { ...classOf('a', 8), ...classOf('b', 8) });
    cpSync(path, join(root, 'there'), { recursive: true });
    const [here, there, other] = await Promise.all([scanDataset(path, OPTIONS), scanDataset(join(root, 'there'), OPTIONS), scanDataset(path, { ...OPTIONS, seed: 2 })]);
    assert.equal(here.hash, there.hash);
    assert.notEqual(here.hash, other.hash);
    writeFileSync(join(root, 'there', 'a', '0.jpg'), 'changed');
    assert.notEqual((await scanDataset(join(root, 'there'), OPTIONS)).hash, here.hash);
  });

  test('twins, leaks, conflicts, few and unequal classes are told', async () => {
    const path = files('odd', { ...classOf('train/a', 200), ...classOf('train/b', 5), 'train/a/twin.jpg': 'b 0', 'train/b/twin.jpg': 'b 0', 'test/a/1.jpg': 'train/a 1', 'test/b/1.jpg': 'fresh' });
    const { warnings } = await scanDataset(path, OPTIONS);
    for (const pattern of [/two classes/, /two splits/, /fewer than 16/, /unequal/]) assert.ok(warnings.some((warning) => pattern.test(warning)), `${String(pattern)} in ${warnings.join(' | ')}`);
  });

  test('a link that leaves the folder is left out', async () => {
    const path = files('links', { ...classOf('a', 4), ...classOf('b', 4) });
    writeFileSync(join(root, 'outside.jpg'), 'secret');
    symlinkSync(join(root, 'outside.jpg'), join(path, 'a', 'link.jpg'));
    const manifest = await scanDataset(path, OPTIONS);
    assert.equal(manifest.images.length, 8);
    assert.match(manifest.quarantined[0]?.reason ?? '', /leaves the folder/);
  });

  test('what cannot be learnt is refused by name', async () => {
    await refused(join(root, 'nowhere'), /no folder or CSV/);
    await refused(files('empty', { 'readme.txt': '' }), /no class folders/);
    await refused(files('one', classOf('only', 5)), /only one class, only/);
    mkdirSync(join(root, 'hole', 'c'), { recursive: true });
    await refused(files('hole', { ...classOf('a', 3), ...classOf('b', 3) }), /class c has no pictures/);
    await refused(files('foreign', { ...classOf('train/a', 3), ...classOf('train/b', 3), ...classOf('test/x', 3) }), /class x is in test/);
  });
});

describe('CSV', () => {
  test('quotes, separators, line ends and byte order mark', () => {
    assert.deepEqual(parseCsv('\ufefffile_name,label\r\n"a, b.jpg","say ""hi"""\r\nc.jpg,x\n\n'), [['file_name', 'label'], ['a, b.jpg', 'say "hi"'], ['c.jpg', 'x']]);
    assert.deepEqual(parseCsv('file_name;label\na;b'), [['file_name', 'label'], ['a', 'b']]);
    assert.deepEqual(parseCsv('"a\nb",c'), [['a\nb', 'c']]);
  });

  test('paths are relative and stay inside; missing files and labels are listed', async () => {
    const path = files('csv', { ...classOf('p', 6), 'list.csv': ['file_name,label,split', ...[0, 1, 2].map((i) => `p/${String(i)}.jpg,cat,train`), 'p/3.jpg,dog,train', './p/4.jpg,dog,test', 'p/5.jpg,cat,test', 'p/9.jpg,cat,', '../outside.jpg,cat,', '/etc/passwd,cat,', 'p/1.jpg,,'].join('\n') });
    const manifest = await scanDataset(join(path, 'list.csv'), OPTIONS);
    assert.deepEqual(manifest.classes, ['cat', 'dog']);
    assert.equal(manifest.images.length, 6);
    assert.equal(manifest.images.filter((image) => image.split === 'test').length, 2);
    assert.deepEqual(manifest.quarantined.map(({ reason }) => reason).sort(), ['no label', 'the file does not exist', 'the path leaves the folder of the CSV', 'the path leaves the folder of the CSV']);
  });

  test('columns that are not there', async () => {
    await refused(join(files('badcsv', { 'x.csv': 'a,b\n1,2' }), 'x.csv'), /columns a, b/);
  });
});

describe('splits and batches', () => {
  test('every class keeps a training picture, shares are met, order of files does not matter', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[0-9a-f]{8}$/), { minLength: 1, maxLength: 60 }), fc.nat(), fc.double({ min: 0, max: 0.4, noNaN: true }), fc.double({ min: 0, max: 0.4, noNaN: true }), (keys, seed, validation, testShare) => {
        const splits = splitClass(keys, 0, seed, { validation, test: testShare });
        const byKey = new Map(keys.map((key, index) => [key, splits[index]]));
        const reversed = splitClass(keys.toReversed(), 0, seed, { validation, test: testShare });
        keys.toReversed().forEach((key, index) => {
          assert.equal(reversed[index], byKey.get(key));
        });
        assert.ok(splits.includes('train'));
        if (keys.length >= 4 && validation > 0 && testShare > 0) assert.ok(splits.includes('validation') && splits.includes('test'));
      }),
    );
  });

  test('an epoch has full batches of different pictures; fewer pictures than a batch repeat', () => {
    const order = epochOrder(10, 7, 0);
    assert.deepEqual([...order].sort((a, b) => a - b), Array.from({ length: 10 }, (_, index) => index));
    assert.notDeepEqual([...order], [...epochOrder(10, 7, 1)]);
    assert.deepEqual([...order], [...epochOrder(10, 7, 0)]);
    assert.equal(batchesPerEpoch(10, 4), 2);
    const used = [...trainingBatch(order, 4, 0), ...trainingBatch(order, 4, 1)];
    assert.equal(new Set(used).size, 8);
    assert.equal(trainingBatch(order, 25, 0).length, 25);
  });
});
