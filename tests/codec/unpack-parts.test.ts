/** @file Packed tasks as archives: the files that belong come out whole, anything else refuses the archive before a byte is written. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { unpackParts } from '../../src-main/codec/unpack-parts.ts';
import { TapsError } from '../../src-main/contract/errors.ts';
import { zip, type ZipEntry } from './zip-builder.ts';

const PARTS = [
  { name: 'weights.bin', maxBytes: 5000, required: true },
  { name: 'config.json', maxBytes: 100, required: true },
  { name: 'README.md', maxBytes: 100, required: false },
];
const WEIGHTS = Buffer.from(Uint8Array.from({ length: 4000 }, (_value, index) => (index * 7919) % 251));
const GOOD: ZipEntry[] = [{ name: 'weights.bin', data: WEIGHTS, method: 0 }, { name: 'config.json', data: '{}', method: 0 }];

const root = mkdtempSync(join(tmpdir(), 'taps-parts-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});
let number = 0;

function place(bytes: Uint8Array): { archive: string; folder: string; around: string } {
  const around = join(root, String(number++));
  const folder = join(around, 'deep', 'target');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(around, 'x.taps'), bytes);
  return { archive: join(around, 'x.taps'), folder, around };
}
const tree = (folder: string): string[] => readdirSync(folder, { recursive: true }).map(String).sort();

async function filesOf(entries: ZipEntry[]): Promise<string[]> {
  const { archive, folder, around } = place(zip(entries));
  await unpackParts({ archive, folder, parts: PARTS });
  assert.deepEqual(tree(around).filter((path) => !path.startsWith('deep/target/')), ['deep', 'deep/target', 'x.taps']);
  assert.deepEqual(readFileSync(join(folder, 'weights.bin')), WEIGHTS);
  return tree(folder);
}

/** @param begun whether writing had begun: then the caller removes the folder */
async function refused(bytes: Uint8Array, words: RegExp, { begun = false } = {}): Promise<void> {
  const { archive, folder, around } = place(bytes);
  const before = tree(around);
  await assert.rejects(unpackParts({ archive, folder, parts: PARTS }), (error: unknown) => {
    assert.ok(error instanceof TapsError && error.code === 'dataset-invalid', String(error));
    assert.match(error.message, words);
    assert.ok(error.advice.length > 0);
    return true;
  });
  if (!begun) assert.deepEqual(tree(around), before);
  else assert.deepEqual(tree(around).filter((path) => !path.startsWith('deep/target/')), before);
}

describe('what belongs', () => {
  test('stored and packed files, with and without the optional one', async () => {
    assert.deepEqual(await filesOf(GOOD), ['config.json', 'weights.bin']);
    assert.deepEqual(await filesOf([...GOOD, { name: 'README.md', data: 'words' }].map((entry) => ({ ...entry, method: 8 }))), ['README.md', 'config.json', 'weights.bin']);
  });
  test('a folder around them and what macOS adds are taken as nothing', async () => {
    assert.deepEqual(await filesOf([{ name: 'flowers/' }, ...GOOD.map((entry) => ({ ...entry, name: `flowers/${String(entry.name)}` })), { name: '__MACOSX/flowers/._config.json', data: 'x' }, { name: 'flowers/.DS_Store', data: 'x' }]), ['config.json', 'weights.bin']);
  });
});

describe('what does not', () => {
  const cases: [string, ZipEntry[], RegExp][] = [
    ['no weights', [{ name: 'config.json', data: '{}' }], /has no weights\.bin/],
    ['nothing at all', [], /has no weights\.bin/],
    ['a stranger', [...GOOD, { name: 'run.sh', data: 'rm' }], /"run\.sh", where only weights\.bin, config\.json, README\.md belong/],
    ['a stranger in folders', [...GOOD, { name: 'a/b/config.json', data: '{}' }], /a\/b\/config\.json/],
    ['a file twice', [...GOOD, { name: 'config.json', data: '{"x":1}' }], /"config\.json" twice/],
    ['a file twice by its folder', [...GOOD, { name: 'x/config.json', data: '{"x":1}' }], /"config\.json" twice/],
    ['another case', [...GOOD, { name: 'CONFIG.JSON', data: '{}' }], /CONFIG\.JSON/],
    ['a path outside', [...GOOD, { name: '../config.json', data: '{}' }], /relative path|leaves the archive/],
    ['an absolute path', [...GOOD, { name: '/etc/passwd', data: '{}' }], /absolute path/],
    ['a backslash', [...GOOD, { name: '..\\config.json', data: '{}' }], /invalid characters|backslash/],
    ['a link', [GOOD[0] ?? { name: '' }, { name: 'config.json', data: '/etc/passwd', mode: 0xa1ff }], /link or a device/],
    ['too large a file', [GOOD[0] ?? { name: '' }, { name: 'config.json', data: 'x'.repeat(101) }], /101 bytes, more than 100/],
    ['an unknown packing', [GOOD[0] ?? { name: '' }, { name: 'config.json', data: '{}', method: 93 }], /method 93/],
    ['a password', [GOOD[0] ?? { name: '' }, { name: 'config.json', data: '{}', flags: 0x801 }], /password|encrypted/],
    ['shared bytes', [...GOOD, { name: 'README.md', data: 'words', offset: 0 }], /share the same bytes|invalid/],
    ['a hundred entries and more', [...GOOD, ...Array.from({ length: 101 }, (_value, index) => ({ name: `.h${String(index)}`, data: 'x' }))], /103 entries/],
  ];
  for (const [what, entries, words] of cases) test(what, () => refused(zip(entries), words));

  test('a wrong checksum, a file longer or shorter than announced', async () => {
    for (const lie of [{ crc: 1 }, { bytes: 3990, method: 8 }, { bytes: 4010, method: 8 }]) {
      await refused(zip([{ name: 'weights.bin', data: WEIGHTS, method: 0, ...lie }, { name: 'config.json', data: '{}' }]), /weights\.bin.* is damaged/, { begun: true });
    }
  });
  test('cut off at every 1/32, and other files', async () => {
    const whole = zip(GOOD);
    for (let part = 0; part < 32; part++) await refused(whole.subarray(0, Math.floor((whole.length * part) / 32)), /no zip archive|cut off|refused/, { begun: true });
    await refused(Buffer.from('<html>Not found</html>'), /no zip archive/);
    await refused(Buffer.from('version https://git-lfs.github.com/spec/v1\n'), /no zip archive/);
  });
});
