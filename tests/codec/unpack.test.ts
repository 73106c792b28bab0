/** @file Archives: honest ones come out whole, hostile ones leave nothing, and nothing is ever written beside the folder. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ARCHIVE_LIMITS } from '../../src-main/codec/archive-limits.ts';
import { ARCHIVE_RECORD, type ArchiveRecord } from '../../src-main/codec/protocol.ts';
import { unpack } from '../../src-main/codec/unpack.ts';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import { unicodePath, zip, type ZipEntry } from './zip-builder.ts';

const DRAWINGS = new URL('../../resources/samples/drawings/', import.meta.url).pathname;
const PICTURE = readFileSync(join(DRAWINGS, 'test/eye/003.png'));

const root = mkdtempSync(join(tmpdir(), 'taps-unpack-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});
let number = 0;

function place(bytes: Uint8Array): { around: string; archive: string; folder: string } {
  const around = join(root, String(number++));
  const folder = join(around, 'deep', 'target');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(around, 'pictures.zip'), bytes);
  return { around, archive: join(around, 'pictures.zip'), folder };
}

const tree = (folder: string): string[] => readdirSync(folder, { recursive: true }).map(String).sort();

async function unpacked(entries: ZipEntry[]): Promise<{ record: ArchiveRecord; files: string[]; folder: string }> {
  const { around, archive, folder } = place(zip(entries));
  const record = await unpack({ archive, folder }, () => undefined);
  assert.deepEqual(tree(around).filter((path) => !path.startsWith('deep/target/')), ['deep', 'deep/target', 'pictures.zip']);
  assert.deepEqual(JSON.parse(readFileSync(join(folder, ARCHIVE_RECORD), 'utf8')), record);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== ARCHIVE_RECORD).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
  assert.equal(record.files, files.length);
  return { record, files, folder };
}

/** @param left what a refusal may leave inside the folder: nothing, unless writing had begun */
async function refused(bytes: Uint8Array, words: RegExp, { limits = ARCHIVE_LIMITS, code = 'dataset-invalid' }: { limits?: typeof ARCHIVE_LIMITS; code?: ErrorCode } = {}): Promise<void> {
  const { around, archive, folder } = place(bytes);
  const before = tree(around);
  await assert.rejects(unpack({ archive, folder }, () => undefined, limits), (error: unknown) => {
    assert.ok(error instanceof TapsError && error.code === code, String(error));
    assert.match(error.message, words);
    assert.ok(error.advice.length > 0);
    return true;
  });
  assert.deepEqual(tree(around), before);
}

describe('honest archives', () => {
  test('pictures and tables are written byte by byte, packed or stored; the rest is not', async () => {
    const { record, files, folder } = await unpacked([
      { name: 'eye/' },
      { name: 'eye/a.png', data: PICTURE },
      { name: 'eye/b 🦊 مرحبا <b>.png', data: PICTURE },
      { name: 'katzen/ü.png', data: PICTURE, method: 0 },
      { name: 'metadata.csv', data: 'file_name,label\r\neye/a.png,eye\r\n' },
      { name: 'run.sh', data: 'rm -rf /' },
      { name: 'inner.zip', data: zip([{ name: 'x.png', data: PICTURE }]) },
      { name: '__MACOSX/eye/._a.png', data: 'Mac' },
      { name: 'eye/.hidden.png', data: 'hidden' },
    ]);
    assert.deepEqual(files, ['eye/a.png', 'katzen/ü.png', 'metadata.csv']);
    assert.deepEqual(readFileSync(join(folder, 'eye/a.png')), PICTURE);
    assert.deepEqual(readFileSync(join(folder, 'katzen/ü.png')), PICTURE);
    assert.deepEqual(record.leftOut.map(({ path }) => path), ['eye/b 🦊 مرحبا <b>.png']);
  });

  test('names in the old encoding and in the Unicode field', async () => {
    const { files } = await unpacked([
      { name: Buffer.from([0x81, 0x2e, 0x70, 0x6e, 0x67]), data: PICTURE, flags: 0 },
      { name: 'x.png', data: PICTURE, flags: 0, extra: unicodePath('x.png', 'größe/x.png') },
    ]);
    assert.deepEqual(files, ['größe/x.png', 'ü.png']);
  });

  test('names that some system cannot hold, links and devices are left out with their reasons', async () => {
    const { record, files } = await unpacked([
      { name: 'good.png', data: PICTURE },
      ...['NUL.jpg', 'con/a.png', 'ab:stream.png', 'what?.png', 'trailing /a.png', 'dot./a.png', 'a//b.png', './c.png', `${'n'.repeat(252)}.png`, `${'d/'.repeat(40)}a.png`].map((name) => ({ name, data: PICTURE })),
      { name: 'link.png', data: '/etc/passwd', mode: 0xa1ff },
      { name: 'device.png', data: '', mode: 0x61b6 },
    ]);
    assert.deepEqual(files, ['good.png']);
    assert.equal(record.leftOut.length, 12);
    for (const { path, reason } of record.leftOut) assert.ok(reason.length > 5, path);
    assert.equal(record.leftOut.find(({ path }) => path === 'link.png')?.reason, 'a link');
  });

  test('a damaged file is left out and removed, the others stay', async () => {
    const { record, files } = await unpacked([
      { name: 'good.png', data: PICTURE },
      { name: 'checksum.png', data: PICTURE, crc: 1 },
      { name: 'longer.png', data: PICTURE, bytes: PICTURE.length - 10 },
      { name: 'shorter.png', data: PICTURE, bytes: PICTURE.length + 10 },
      { name: 'rubbish.png', data: Buffer.alloc(50, 0xff), method: 0 },
      { name: 'method.png', data: PICTURE, method: 93 },
    ].map((entry) => (entry.name === 'rubbish.png' ? { ...entry, bytes: 50 } : entry)));
    assert.deepEqual(files, ['good.png', 'rubbish.png']);
    assert.deepEqual(record.leftOut.map(({ path }) => path), ['checksum.png', 'longer.png', 'method.png', 'shorter.png']);
  });

  test('progress ends at the sum of all bytes', async () => {
    const { archive, folder } = place(zip([{ name: 'a.png', data: PICTURE }, { name: 'b.png', data: PICTURE }]));
    const seen: [number, number][] = [];
    await unpack({ archive, folder }, (done, total) => seen.push([done, total]));
    assert.deepEqual(seen.at(-1), [2 * PICTURE.length, 2 * PICTURE.length]);
  });
});

describe('hostile names', () => {
  for (const name of ['../evil.png', 'a/../../evil.png', '/evil.png', '//server/share/evil.png', '..\\evil.png', 'a\\b.png', 'C:evil.png', 'a:stream.png', 'C:/evil.png', 'c:\\evil.png', 'nul\0.png', 'new\nline.png', '../run.sh']) {
    test(`${JSON.stringify(name)} refuses the archive before anything is written`, () => refused(zip([{ name: 'good.png', data: PICTURE }, { name, data: PICTURE }]), /refused: .*(path|name|invalid characters)/));
  }
  test('a Unicode field that leads outside', () => refused(zip([{ name: 'good.png', data: PICTURE }, { name: 'x.png', data: PICTURE, flags: 0, extra: unicodePath('x.png', '../x.png') }]), /relative path/));

  for (const [one, other] of [['A.jpg', 'a.jpg'], ['a/x.png', 'A/y.png'], ['same.png', 'same.png'], ['é.png', 'e\u0301.png'], ['a.png', 'a.png/b.png'], ['a.png/b.png', 'a.png']] as const) {
    test(`${JSON.stringify(one)} beside ${JSON.stringify(other)}`, () => refused(zip([{ name: one, data: PICTURE }, { name: other, data: PICTURE }]), /one name on some systems/));
  }
});

describe('bombs and lies', () => {
  const few = { ...ARCHIVE_LIMITS, entries: 3, totalBytes: 3 * PICTURE.length, pictureBytes: 10_000, anyRatioBytes: 1000 };
  test('too many entries', () => refused(zip(Array.from({ length: 4 }, (_, index) => ({ name: `${String(index)}.txt` }))), /4 entries, more than 3/, { limits: few }));
  test('two hundred thousand entries are counted before they are read', () => refused(zip([{ name: 'a.png', data: PICTURE }], { count: 65_000 }), /65000 entries|refused|expected/, { limits: { ...ARCHIVE_LIMITS, entries: 60_000 } }));
  test('too many bytes in all', () => refused(zip(['a.png', 'b.png', 'c.png'].map((name) => ({ name, data: Buffer.concat([PICTURE, PICTURE]) }))), /more than \d+ bytes of pictures/, { limits: few }));
  test('a thousand to one', () => refused(zip([{ name: 'zeros.png', data: Buffer.alloc(4 * 2 ** 20) }]), /more than 200 times as many/));
  test('four gigabytes claimed, ten bytes there', () => refused(zip([{ name: 'vast.csv', data: '0123456789', bytes: 60_000_000, packedBytes: 1_000_000 }]), /beyond its end/));
  test('files that share their bytes', () => refused(zip([{ name: 'a.png', data: PICTURE, method: 0 }, { name: 'b.png', data: PICTURE, method: 0, offset: 0 }]), /share the same bytes/));
  test('a picture above the limit is left out', () => refused(zip([{ name: 'large.png', data: Uint8Array.from({ length: 20_000 }, (_, at) => Math.imul(at, 0x9e3779b1) >>> 24) }]), /20000 bytes, more than 10000/, { limits: few }));
  test('a password', () => refused(zip([{ name: 'a.png', data: PICTURE, flags: 0x801 }]), /password/));
  test('nothing but other files', () => refused(zip([{ name: 'readme.txt', data: 'hello' }, { name: 'inner.zip', data: zip([]) }]), /no pictures/));
  test('an empty archive', () => refused(zip([]), /no pictures/));
  for (const share of [0.1, 0.5, 0.99]) {
    test(`cut off at ${String(share * 100)} %`, () => {
      const whole = zip([{ name: 'a.png', data: PICTURE }]);
      return refused(whole.subarray(0, Math.floor(whole.length * share)), /no zip archive, or it is cut off/);
    });
  }
  test('junk and an empty file', async () => {
    await refused(Buffer.from('Dear diary'), /no zip archive/);
    await refused(Buffer.alloc(0), /no zip archive/);
  });
  test('an archive that is not there', () => assert.rejects(unpack({ archive: join(root, 'none.zip'), folder: root }, () => undefined), (error: unknown) => error instanceof TapsError && error.code === 'io-failed'));
});
