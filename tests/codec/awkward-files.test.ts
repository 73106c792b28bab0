/** @file Files as they are found in the wild: cut off, misnamed, huge, deep, animated; and the resizing kernel against its definition. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { decodePicture } from '../../src-main/codec/decode-picture.ts';
import { prepare } from '../../src-main/codec/prepare.ts';
import type { PrepareRequest } from '../../src-main/codec/protocol.ts';
import { TapsError } from '../../src-main/contract/errors.ts';
import { PREPROCESSING_PRESETS, type Preprocessing } from '../../src-main/contract/preprocessing.ts';
import { openPreparedSet } from '../../src-main/data/prepared-set.ts';
import { sha256OfBytes } from '../../src-main/platform/hash.ts';

const SQUASH: Preprocessing = { ...PREPROCESSING_PRESETS.unit, imageSize: 16, resize: 'squash' };

/** Hardly compressible, so that every format has data up to its end. */
function noise(width: number, height: number): Sharp {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, index) => Math.imul(index + 1, 0x9e3779b1) >>> 24);
  return sharp(data, { raw: { width, height, channels: 3 } });
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const size = Buffer.alloc(4);
  const check = Buffer.alloc(4);
  size.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([size, body, check]);
}

/** A PNG of 16 bits per channel in one colour, written from the specification. `channels`: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA. */
function png16(colour: number[], side = 10, claim = side): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(claim, 0);
  header.writeUInt32BE(claim, 4);
  header[8] = 16;
  header[9] = [0, 4, 2, 6][colour.length - 1] ?? 0;
  const row = Buffer.alloc(1 + side * colour.length * 2);
  for (let index = 0; index < side * colour.length; index++) row.writeUInt16BE(colour[index % colour.length] ?? 0, 1 + index * 2);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, pngChunk('IHDR', header), pngChunk('IDAT', deflateSync(Buffer.concat(Array.from({ length: side }, () => row)))), pngChunk('IEND', Buffer.alloc(0))]);
}

async function colourOf(file: Uint8Array): Promise<number[]> {
  const { width, data } = await decodePicture(file, SQUASH);
  return [...data.subarray((7 * width + 7) * 3, (7 * width + 7) * 3 + 3)];
}

async function unreadable(file: Uint8Array, name: string, words = /./): Promise<void> {
  await assert.rejects(decodePicture(file, SQUASH), (error: unknown) => {
    assert.ok(error instanceof TapsError && error.code === 'image-unreadable', `${name}: ${String(error)}`);
    assert.match(error.message, words, name);
    return true;
  });
}

describe('files in the wild', () => {
  test('every format is refused when it is cut at 10, 50 or 99 %', async () => {
    const picture = noise(200, 150);
    const files: Record<string, Buffer> = {
      jpeg: await picture.jpeg().toBuffer(),
      'progressive jpeg': await picture.jpeg({ progressive: true }).toBuffer(),
      png: await picture.png().toBuffer(),
      'interlaced png': await picture.png({ progressive: true }).toBuffer(),
      webp: await picture.webp().toBuffer(),
      gif: await picture.gif().toBuffer(),
      tiff: await picture.tiff({ compression: 'lzw' }).toBuffer(),
      avif: await picture.avif({ effort: 0 }).toBuffer(),
    };
    for (const [name, file] of Object.entries(files)) {
      assert.equal((await decodePicture(file, SQUASH)).data.length, 768, name);
      for (const share of [0.1, 0.5, 0.99]) await unreadable(file.subarray(0, Math.floor(file.length * share)), `${name} at ${String(share)}`);
    }
  });

  test('16 bits per channel become 8, transparency becomes white', async () => {
    assert.deepEqual(await colourOf(png16([0x8080])), [128, 128, 128]);
    assert.deepEqual(await colourOf(png16([0xffff, 0x8080, 0])), [255, 128, 0]);
    assert.deepEqual(await colourOf(png16([0, 0])), [255, 255, 255]);
    assert.deepEqual(await colourOf(png16([0xffff, 0, 0, 0xffff])), [255, 0, 0]);
    const half = await colourOf(png16([0xffff, 0, 0, 0x8000]));
    assert.ok(half.every((value, index) => Math.abs(value - (index === 0 ? 255 : 127)) <= 1), half.join());
  });

  test('of animations the first frame is taken', async () => {
    const frames = Buffer.concat([Buffer.alloc(300, 255), Buffer.alloc(300, 0)]);
    const animation = sharp(frames, { raw: { width: 10, height: 20, channels: 3, pageHeight: 10 } });
    for (const file of [await animation.clone().gif({ delay: [100, 100] }).toBuffer(), await animation.clone().webp({ lossless: true, delay: [100, 100] }).toBuffer()]) {
      assert.equal((await sharp(file).metadata()).pages, 2);
      assert.deepEqual(await colourOf(file), [255, 255, 255]);
    }
  });

  test('other formats are refused by name, whatever the file is called; sizes are checked before anything is allocated', async () => {
    await unreadable(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'), 'svg', /SVG/);
    await unreadable(png16([0, 0, 0], 10, 30_000), '30 000 × 30 000', /pixel limit/);
  });
});

describe('preparing files in the wild', () => {
  const folder = mkdtempSync(join(tmpdir(), 'taps-awkward-'));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const request = (names: string[], changes: Partial<PrepareRequest> = {}): PrepareRequest => ({
    root: folder,
    images: names.map((path) => ({ path, sha256: '', label: 0, split: 'train' })),
    preprocessing: SQUASH,
    cacheFolder: join(folder, 'cache'),
    outputFolder: join(folder, 'prepared'),
    verify: false,
    ...changes,
  });

  test('contents count, not names; what is no picture is listed with its reason', async () => {
    writeFileSync(join(folder, 'really-a-png.jpg'), await noise(20, 20).png().toBuffer());
    writeFileSync(join(folder, 'text.jpg'), 'Dear diary');
    writeFileSync(join(folder, 'empty.png'), '');
    mkdirSync(join(folder, 'folder.jpg'));
    writeFileSync(join(folder, 'vast.tif'), '');
    truncateSync(join(folder, 'vast.tif'), 3 * 2 ** 30);
    const { prepared, quarantined } = await prepare(request(['vast.tif', 'text.jpg', 'really-a-png.jpg', 'folder.jpg', 'empty.png']), () => undefined);
    assert.equal(prepared, 1);
    assert.equal(openPreparedSet(join(folder, 'prepared')).path(0), 'really-a-png.jpg');
    assert.deepEqual(quarantined.map(({ path }) => path), ['empty.png', 'folder.jpg', 'text.jpg', 'vast.tif']);
    for (const { path, reason } of quarantined) assert.ok(reason.length > 5, path);
    assert.match(quarantined[3]?.reason ?? '', /3221225472 bytes/);
  });

  test('a damaged cache entry is decoded again', async () => {
    const bytes = await noise(24, 24).png().toBuffer();
    writeFileSync(join(folder, 'twice.png'), bytes);
    const once = request(['twice.png']);
    await prepare(once, () => undefined);
    const expected = openPreparedSet(once.outputFolder).image(0).data.slice();
    const sha256 = sha256OfBytes(bytes);
    const entry = join(folder, 'cache', 'squash-16', sha256.slice(0, 2), `${sha256}.rgb`);
    for (const damage of [new Uint8Array(), new Uint8Array(8), new Uint8Array(100)]) {
      writeFileSync(entry, damage);
      await prepare(once, () => undefined);
      assert.deepEqual(openPreparedSet(once.outputFolder).image(0).data, expected);
    }
    writeFileSync(entry, 'short');
    assert.throws(() => openPreparedSet(once.outputFolder).image(0), (error: unknown) => error instanceof TapsError && error.code === 'io-failed' && error.message.includes('5 bytes'));
    writeFileSync(join(once.outputFolder, 'prepared.json'), '{"version":1');
    assert.throws(() => openPreparedSet(once.outputFolder), (error: unknown) => error instanceof TapsError && error.code === 'io-failed');
  });

  test('a missing picture of a dataset stops by name and leaves no index; other sizes share nothing', async () => {
    writeFileSync(join(folder, 'here.png'), await noise(20, 20).png().toBuffer());
    const outputFolder = join(folder, 'never');
    const lost = request(['gone.png', ...Array.from({ length: 20 }, () => 'here.png')], { verify: true, outputFolder });
    await assert.rejects(prepare(lost, () => undefined), (error: unknown) => error instanceof TapsError && error.code === 'dataset-changed');
    assert.throws(() => openPreparedSet(outputFolder), TapsError);
    await prepare(request(['here.png'], { outputFolder, preprocessing: { ...SQUASH, imageSize: 8 } }), () => undefined);
    assert.equal(openPreparedSet(outputFolder).image(0).width, 8);
  });
});

describe('resizing', () => {
  const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  const lanczos3 = (x: number): number => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0);
  /** Keys (1981) with a = −½, also known as Catmull-Rom. */
  const bicubic = (x: number): number => {
    const at = Math.abs(x);
    return at < 1 ? 1.5 * at ** 3 - 2.5 * at ** 2 + 1 : at < 2 ? -0.5 * at ** 3 + 2.5 * at ** 2 - 4 * at + 2 : 0;
  };

  /**
   * By definition, weights normalised. Reducing: at pixel centres, the kernel widened by the factor (as Pillow does).
   * Enlarging: half an output pixel further to the right, which is libvips's convention.
   */
  function resample(source: readonly number[], to: number, kernel: (x: number) => number): number[] {
    const factor = source.length / to;
    return Array.from({ length: to }, (_, position) => {
      const at = factor > 1 ? (position + 0.5) * factor - 0.5 : position * factor - 0.5;
      const weights = source.map((_value, index) => kernel((index - at) / Math.max(factor, 1)));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return weights.reduce((sum, weight, index) => sum + weight * (source[index] ?? 0), 0) / total;
    });
  }

  for (const [from, to, name, kernel] of [[24, 16, 'Lanczos 3', lanczos3], [48, 16, 'Lanczos 3', lanczos3], [100, 16, 'Lanczos 3', lanczos3], [9, 16, 'bicubic', bicubic], [16, 40, 'bicubic', bicubic]] as const) {
    test(`${String(from)} → ${String(to)} pixels is ${name}`, async () => {
      // Waves across, equal down: one dimension tells everything.
      const line = Array.from({ length: from }, (_, x) => Math.round(128 + 90 * Math.sin((x / from) * 9) + 20 * Math.cos((x / from) * 31)));
      const pixels = Uint8Array.from({ length: from * from * 3 }, (_, index) => line[Math.floor(index / 3) % from] ?? 0);
      const file = await sharp(pixels, { raw: { width: from, height: from, channels: 3 } }).png().toBuffer();
      const { data } = await decodePicture(file, { ...SQUASH, imageSize: to });
      const expected = resample(line, to, kernel);
      // Away from the edges, where implementations differ on what lies beyond; two levels for fixed-point weights.
      const border = Math.ceil((2 * to) / Math.min(from, to));
      for (let x = border; x < to - border; x++) {
        const actual = data[((to >> 1) * to + x) * 3] ?? 0;
        assert.ok(Math.abs(actual - (expected[x] ?? 0)) <= 2, `${String(x)}: ${String(actual)} instead of ${(expected[x] ?? 0).toFixed(2)}`);
      }
    });
  }
});
