/** @file Folders and tables as people keep them: links, stray files, other encodings, splits beside classes. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import { scanDataset } from '../../src-main/data/scan.ts';

const top = mkdtempSync(join(tmpdir(), 'taps-awkward-data-'));
after(() => {
  rmSync(top, { recursive: true, force: true });
});
const OPTIONS = { seed: 0, validation: 0.2, test: 0.2 };

/** A folder with these files; contents differ by name unless given. */
function folderOf(name: string, files: Record<string, string> | readonly string[]): string {
  const root = join(top, name);
  for (const [path, content] of Array.isArray(files) ? files.map((path: string): [string, string] => [path, path]) : Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}
const pictures = (folder: string, count = 6): string[] => Array.from({ length: count }, (_, index) => `${folder}/${String(index)}.jpg`);

async function refused(path: string, words: RegExp): Promise<void> {
  await assert.rejects(scanDataset(path, OPTIONS), (error: unknown) => {
    assert.ok(error instanceof TapsError && error.code === 'dataset-invalid', String(error));
    assert.match(`${error.message} ${error.advice}`, words);
    return true;
  });
}

test('a folder with metadata.csv is read by it; a metadata.csv of something else is not', async () => {
  const rows = pictures('all', 8).map((path, index) => `${path},${index % 2 === 0 ? 'left' : 'right'}`);
  const table = folderOf('table', [...pictures('all', 8)]);
  writeFileSync(join(table, 'metadata.csv'), `file_name,label\n${rows.join('\n')}\n`);
  assert.deepEqual((await scanDataset(table, OPTIONS)).classes, ['left', 'right']);
  const other = folderOf('other', [...pictures('a'), ...pictures('b')]);
  writeFileSync(join(other, 'metadata.csv'), 'camera,lens\nx,y\n');
  assert.deepEqual((await scanDataset(other, OPTIONS)).classes, ['a', 'b']);
});

test('links that leave the folder or go in circles are listed, not followed', async () => {
  const root = folderOf('links', [...pictures('a'), ...pictures('b')]);
  symlinkSync(root, join(root, 'a', 'circle'));
  symlinkSync('/etc/hostname', join(root, 'a', 'outside.jpg'));
  symlinkSync(join(root, 'a', 'nothing.jpg'), join(root, 'b', 'dangling.jpg'));
  const { images, quarantined } = await scanDataset(root, OPTIONS);
  assert.equal(images.length, 12);
  assert.deepEqual(quarantined.map(({ path }) => path), ['a/circle', 'a/outside.jpg', 'b/dangling.jpg']);
});

test('splits beside classes, splits with other classes and untaught classes are refused by name', async () => {
  await refused(folderOf('beside', [...pictures('train/a'), ...pictures('train/b'), ...pictures('test/a'), ...pictures('test/b'), ...pictures('extra')]), /extra lies beside/);
  await refused(folderOf('differ', [...pictures('train/a'), ...pictures('train/b'), ...pictures('test/a')]), /b is in train\/ but not in test\//);
  const untaught = folderOf('untaught', [...pictures('x', 6)]);
  writeFileSync(join(untaught, 'list.csv'), pictures('x').reduce((text, path, index) => `${text}${path},${index < 3 ? 'a,train' : 'b,test'}\n`, 'file_name,label,split\n'));
  await refused(join(untaught, 'list.csv'), /b has no picture for training/);
});

test('tables: open quotes, other encodings and unknown splits are refused with their place', async () => {
  const root = folderOf('csv', [...pictures('x')]);
  const write = (name: string, content: string | Buffer): string => {
    writeFileSync(join(root, name), content);
    return join(root, name);
  };
  await refused(write('quote.csv', 'file_name,label\nx/0.jpg,a\nx/1.jpg,"b\n'), /line 3/);
  await refused(write('latin1.csv', Buffer.from('file_name,label\nx/0.jpg,caf\xe9\n', 'latin1')), /not UTF-8/);
  await refused(write('split.csv', 'file_name,label,split\nx/0.jpg,a,holdout\n'), /holdout/);
  const windows = await scanDataset(write('windows.csv', `\ufefffile_name;label\r\n${pictures('x').map((path, index) => `${path.replace('/', '\\')};${index % 2 === 0 ? 'a' : 'b'}`).join('\r\n')}`), OPTIONS);
  assert.equal(windows.images.length, 6);
  assert.equal(windows.quarantined.length, 0);
});
