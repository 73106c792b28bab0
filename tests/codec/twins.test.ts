/** @file Twins: saved, scaled and brightened copies are found, different pictures are not, and no pair is missed by the index. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import sharp, { type Sharp } from 'sharp';
import { distance, fingerprintOf, shrink, type Fingerprint } from '../../src-main/codec/fingerprint.ts';
import { findTwins } from '../../src-main/codec/find-twins.ts';
import { NEAR_BITS, nearIndex } from '../../src-main/codec/near-index.ts';
import { prepare } from '../../src-main/codec/prepare.ts';
import type { FindTwinsResult } from '../../src-main/codec/protocol.ts';
import { PREPROCESSING_PRESETS, type Preprocessing } from '../../src-main/contract/preprocessing.ts';

const SAMPLES = new URL('../../resources/samples/', import.meta.url).pathname;
const SMALL: Preprocessing = { ...PREPROCESSING_PRESETS.unit, imageSize: 32 };
const LARGE: Preprocessing = { ...PREPROCESSING_PRESETS.imagenet, imageSize: 224 };

const folder = mkdtempSync(join(tmpdir(), 'taps-twins-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function picturesOf(sample: string): string[] {
  return readdirSync(join(SAMPLES, sample), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name.endsWith('.png')).map((entry) => join(entry.parentPath, entry.name)).sort();
}

async function twinsOf(paths: readonly string[], preprocessing: Preprocessing): Promise<FindTwinsResult['groups']> {
  const preparedFolder = join(folder, 'prepared');
  const images = paths.map((path) => ({ path, sha256: '', label: 0, split: 'train' as const }));
  const { prepared } = await prepare({ root: '', images, preprocessing, cacheFolder: join(folder, 'cache'), outputFolder: preparedFolder, verify: false }, () => undefined);
  assert.equal(prepared, paths.length);
  return (await findTwins({ preparedFolder }, () => undefined)).groups;
}

describe('pictures of the sample tasks', () => {
  for (const sample of ['drawings', 'emoji']) {
    for (const preprocessing of [SMALL, LARGE]) {
      test(`${sample} at ${String(preprocessing.imageSize)}: no two are twins`, async () => {
        assert.deepEqual(await twinsOf(picturesOf(sample), preprocessing), []);
      });
    }
  }

  const copies: Record<string, (picture: Sharp, side: number) => Sharp> = {
    'saved as JPEG': (picture) => picture.jpeg({ quality: 60 }),
    'saved as WebP': (picture) => picture.webp({ quality: 70 }),
    'scaled to 80 %': (picture, side) => picture.resize(Math.round(side * 0.8)).png(),
    'slightly brighter': (picture) => picture.modulate({ brightness: 1.08 }).png(),
    'slightly darker': (picture) => picture.modulate({ brightness: 0.92 }).png(),
  };
  for (const [name, copy] of Object.entries(copies)) {
    test(`${name}: at least 19 of 20 copies are found, each beside its original`, async () => {
      const originals = ['drawings', 'emoji'].flatMap((sample) => picturesOf(sample).filter((_, index) => index % 7 === 0));
      const copied: string[] = [];
      for (const [index, original] of originals.entries()) {
        const { width } = await sharp(original).metadata();
        const path = join(folder, `${name}-${String(index)}`);
        await copy(sharp(original).flatten({ background: '#ffffff' }), width).toFile(path);
        copied.push(path);
      }
      const groups = await twinsOf([...originals, ...copied], SMALL);
      for (const { kind, indices } of groups) assert.deepEqual([kind, indices], ['similar', [indices[0], (indices[0] ?? 0) + originals.length]], originals[indices[0] ?? 0]);
      assert.ok(groups.length >= originals.length * 0.95, `${String(groups.length)} of ${String(originals.length)}`);
    });
  }

  test('the same file twice is identical; with a re-saved copy the group is similar and has all three', async () => {
    const [first = '', second = ''] = picturesOf('emoji');
    const [twice, saved] = [join(folder, 'twice.png'), join(folder, 'saved.jpg')];
    copyFileSync(first, twice);
    await sharp(second).jpeg({ quality: 90 }).toFile(saved);
    assert.deepEqual(await twinsOf([first, second, twice], SMALL), [{ kind: 'identical', indices: [0, 2] }]);
    assert.deepEqual(await twinsOf([second, first, saved, twice, second], SMALL), [{ kind: 'similar', indices: [0, 2, 4] }, { kind: 'identical', indices: [1, 3] }]);
  });

  test('pictures of one colour resemble nothing', async () => {
    const paths: string[] = [];
    for (const [index, background] of ['#ffffff', '#fefefe', '#000000'].entries()) {
      paths.push(join(folder, `plain-${String(index)}.png`));
      await sharp({ create: { width: 40, height: 40, channels: 3, background } }).png().toFile(paths[index] ?? '');
    }
    assert.deepEqual(await twinsOf(paths, SMALL), []);
  });
});

describe('fingerprints', () => {
  const random = (seed: number): (() => number) => {
    let state = seed;
    return () => (state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
  };

  test('the index finds exactly the pairs that comparing all finds', () => {
    const next = random(7);
    const flip = ([low, high]: Fingerprint, bits: number): Fingerprint => {
      const words = [low, high];
      for (let bit = 0; bit < bits; bit++) {
        const at = next() % 64;
        words[at >> 5] = ((words[at >> 5] ?? 0) ^ (1 << (at & 31))) >>> 0;
      }
      return [words[0] ?? 0, words[1] ?? 0];
    };
    const prints: Fingerprint[] = [];
    for (let item = 0; item < 1500; item++) prints.push(item % 3 === 0 ? [next(), next()] : flip(prints[next() % item] ?? [0, 0], next() % 14));
    const index = nearIndex(prints);
    let pairs = 0;
    prints.forEach((print, item) => {
      const expected = [...prints.keys()].slice(0, item).filter((other) => distance(print, prints[other] ?? [0, 0]) <= NEAR_BITS);
      pairs += expected.length;
      assert.deepEqual(index.before(item, Infinity).sort((a, b) => a - b), expected);
    });
    assert.ok(pairs > 500, String(pairs));
  });

  test('ten thousand look-alikes: no item is compared with more than asked', () => {
    const prints = Array.from({ length: 10_000 }, (): Fingerprint => [0x0f0f0f0f, 0x33333333]);
    const index = nearIndex(prints);
    assert.equal(index.before(9_999, 256).length, 256);
    assert.deepEqual(index.before(3, 256).sort(), [0, 1, 2]);
  });

  test('small versions are area averages', () => {
    const data = Uint8Array.from({ length: 6 * 4 * 3 }, (_, at) => (Math.floor(at / 3) % 6) * 10);
    const small = shrink({ width: 6, height: 4, data }, 4);
    // Columns of 1.5 pixels: (0·1 + 10·½) / 1.5, (10·½ + 20·1) / 1.5, …
    assert.deepEqual([...small.slice(0, 12)].map((value) => Math.round(value * 1000) / 1000), [3.333, 16.667, 33.333, 46.667].flatMap((value) => [value, value, value]));
  });

  test('a fingerprint of a picture with contrast has half of its bits set', async () => {
    const { data, info } = await sharp(readFileSync(picturesOf('drawings')[0] ?? '')).flatten().toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const rgb = info.channels === 3 ? data : Uint8Array.from({ length: data.length * 3 }, (_, at) => data[Math.floor(at / 3)] ?? 0);
    // 31 of the 63 frequencies lie above their median, and the mean of the picture does too.
    assert.equal(distance(fingerprintOf({ width: info.width, height: info.height, data: rgb }), [0, 0]), 32);
  });
});
