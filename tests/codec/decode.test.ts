/** @file Real image files of every awkward kind through the decoder; augmentation is a function of its key. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import sharp, { type Sharp } from 'sharp';
import { decodePicture } from '../../src-main/codec/decode-picture.ts';
import { prepare } from '../../src-main/codec/prepare.ts';
import { TapsError } from '../../src-main/contract/errors.ts';
import { PREPROCESSING_PRESETS, type Preprocessing } from '../../src-main/contract/preprocessing.ts';
import { augment, centreCrop, randomCrop, renderCrop, type Picture } from '../../src-main/core/augment.ts';
import { philox, RandomStream } from '../../src-main/core/random.ts';
import { openPreparedSet } from '../../src-main/data/prepared-set.ts';
import { sha256OfBytes } from '../../src-main/platform/hash.ts';

const SQUASH: Preprocessing = { ...PREPROCESSING_PRESETS.unit, imageSize: 16, resize: 'squash' };
const CROP: Preprocessing = { ...PREPROCESSING_PRESETS.imagenet, imageSize: 14, resize: 'crop' };

/** Left half red, right half blue, top row green: orientation shows. */
function scene(width = 32, height = 24): Buffer {
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) pixels.set(y < height / 4 ? [0, 255, 0] : x < width / 2 ? [255, 0, 0] : [0, 0, 255], (y * width + x) * 3);
  }
  return pixels;
}
const raw = (width = 32, height = 24): Sharp => sharp(scene(width, height), { raw: { width, height, channels: 3 } });

function pixel({ width, data }: Picture, x: number, y: number): number[] {
  return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}
function near(actual: number[], expected: number[], tolerance = 24): boolean {
  return actual.every((value, index) => Math.abs(value - (expected[index] ?? 0)) <= tolerance);
}

describe('decoding', () => {
  test('all eight EXIF orientations show the same picture', async () => {
    // Stored pixels that each orientation tag turns back into the scene.
    const stored: ((image: Sharp) => Sharp | Promise<Sharp>)[] = [
      (image) => image,
      (image) => image.flop(),
      (image) => image.rotate(180),
      (image) => image.flip(),
      async (image) => sharp(await image.rotate(90).png().toBuffer()).flop(),
      (image) => image.rotate(270),
      async (image) => sharp(await image.rotate(90).png().toBuffer()).flip(),
      (image) => image.rotate(90),
    ];
    for (const [index, turn] of stored.entries()) {
      const turned = await (await turn(raw())).png().toBuffer();
      const file = await sharp(turned).withMetadata({ orientation: index + 1 }).png().toBuffer();
      const picture = await decodePicture(file, SQUASH);
      assert.ok(near(pixel(picture, 8, 1), [0, 255, 0]), `orientation ${String(index + 1)}: top`);
      assert.ok(near(pixel(picture, 2, 12), [255, 0, 0]), `orientation ${String(index + 1)}: left`);
      assert.ok(near(pixel(picture, 13, 12), [0, 0, 255]), `orientation ${String(index + 1)}: right`);
    }
  });

  test('greyscale, CMYK, 16 bits, palette with transparency, animation, one pixel', async () => {
    const files: [string, Buffer, number[]][] = [
      ['greyscale', await sharp({ create: { width: 9, height: 9, channels: 3, background: '#808080' } }).greyscale().png().toBuffer(), [128, 128, 128]],
      ['CMYK', await sharp({ create: { width: 9, height: 9, channels: 3, background: '#ff0000' } }).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer(), [254, 0, 0]],
      ['16 bits', await sharp({ create: { width: 9, height: 9, channels: 3, background: '#ff0000' } }).toColourspace('rgb16').png().toBuffer(), [255, 0, 0]],
      ['transparent', await sharp({ create: { width: 9, height: 9, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0 } } }).png({ palette: true }).toBuffer(), [255, 255, 255]],
      ['one pixel', await sharp({ create: { width: 1, height: 1, channels: 3, background: '#0000ff' } }).webp({ lossless: true }).toBuffer(), [0, 0, 255]],
      ['gif', await sharp({ create: { width: 9, height: 9, channels: 3, background: '#00ff00' } }).gif().toBuffer(), [0, 255, 0]],
    ];
    for (const [name, file, colour] of files) {
      const picture = await decodePicture(file, SQUASH);
      assert.deepEqual([picture.width, picture.height, picture.data.length], [16, 16, 768], name);
      assert.ok(near(pixel(picture, 8, 8), colour, 60), `${name}: ${pixel(picture, 8, 8).join()}`);
    }
  });

  test('the crop policy keeps the aspect and bounds long sides', async () => {
    const wide = await decodePicture(await raw(320, 40).png().toBuffer(), CROP);
    assert.deepEqual([wide.height, wide.width], [16, 32]);
    const tall = await decodePicture(await raw(24, 32).png().toBuffer(), CROP);
    assert.deepEqual([tall.width, tall.height], [16, 21]);
  });

  test('truncated, empty, foreign and bomb-like files are refused in words', async () => {
    const jpeg = await raw(200, 150).jpeg().toBuffer();
    const bad: [string, Uint8Array][] = [
      ['empty', new Uint8Array()],
      ['text', Buffer.from('this is not a picture')],
      ['svg', Buffer.from('<svg')],
      ...[0.1, 0.5, 0.9].map((share): [string, Uint8Array] => [`truncated at ${String(share)}`, jpeg.subarray(0, Math.floor(jpeg.length * share))]),
    ];
    for (const [name, bytes] of bad) {
      await assert.rejects(decodePicture(bytes, SQUASH), (error: unknown) => error instanceof TapsError && error.code === 'image-unreadable' && error.message !== '', name);
    }
    const bomb = Buffer.from(await raw(8, 8).png().toBuffer());
    bomb.writeUInt32BE(30_000, 16);
    bomb.writeUInt32BE(30_000, 20);
    await assert.rejects(decodePicture(bomb, SQUASH), TapsError);
  });
});

describe('prepared sets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'taps-codec-'));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('good pictures are cached by content, bad ones quarantined, changed ones refused', async () => {
    const good = await raw().png().toBuffer();
    writeFileSync(join(folder, 'good.png'), good);
    writeFileSync(join(folder, 'copy.jpg'), good);
    writeFileSync(join(folder, 'bad.jpg'), 'nothing');
    const request = (verify: boolean): Parameters<typeof prepare>[0] => ({
      root: folder,
      images: ['good.png', 'copy.jpg', 'bad.jpg'].map((path, index) => ({ path, sha256: sha256OfBytes(readFileSync(join(folder, path))), label: index, split: 'train' as const })),
      preprocessing: SQUASH,
      cacheFolder: join(folder, 'cache'),
      outputFolder: join(folder, 'prepared'),
      verify,
    });
    const first = request(true);
    const result = await prepare(first, () => undefined);
    assert.equal(result.prepared, 2);
    assert.deepEqual(result.quarantined.map(({ path }) => path), ['bad.jpg']);
    const set = openPreparedSet(join(folder, 'prepared'));
    assert.deepEqual([set.count, ...set.labels], [2, 0, 1]);
    assert.deepEqual(set.image(0).data, set.image(1).data);
    writeFileSync(join(folder, 'good.png'), await raw(9, 9).png().toBuffer());
    await assert.rejects(prepare(first, () => undefined), (error: unknown) => error instanceof TapsError && error.code === 'dataset-changed' && error.message.includes('good.png'));
  });
});

describe('augmentation', () => {
  const picture: Picture = { width: 8, height: 6, data: Uint8Array.from({ length: 144 }, (_, index) => (index * 37) % 256) };
  const render = (seed: number, epoch: number, image: number): Float32Array => {
    const out = new Float32Array(3 * 256);
    augment(picture, 'crop-flip', { seed, epoch, image }, SQUASH, out, 0);
    return out;
  };

  test('is a function of seed, epoch and image', () => {
    assert.deepEqual(render(1, 2, 3), render(1, 2, 3));
    for (const other of [render(2, 2, 3), render(1, 3, 3), render(1, 2, 4)]) assert.notDeepEqual(other, render(1, 2, 3));
  });

  test('philox gives the published vectors (Random123 known answers)', () => {
    assert.deepEqual(philox([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const ones = 0xffffffff;
    assert.deepEqual(philox([ones, ones, ones, ones], [ones, ones]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
    assert.deepEqual(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]), [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
  });

  test('crops stay inside and keep a share of the area', () => {
    for (let image = 0; image < 200; image++) {
      const crop = randomCrop({ width: 40, height: 30 }, new RandomStream(1, 'augment', 0, image));
      assert.ok(crop.x >= 0 && crop.y >= 0 && crop.x + crop.width <= 40 && crop.y + crop.height <= 30);
      assert.ok(crop.width * crop.height >= 0.3 * 1200);
    }
  });

  test('a crop of the model\'s size is copied, scaled and normalised per channel; BGR swaps', () => {
    const out = new Float32Array(12);
    const small: Picture = { width: 2, height: 2, data: Uint8Array.of(10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120) };
    const preprocessing: Preprocessing = { imageSize: 8, channelOrder: 'bgr', scale: 1, mean: [1, 2, 3], std: [1, 2, 4], resize: 'squash' };
    renderCrop(small, centreCrop(small, 2), false, { ...preprocessing, imageSize: 2 }, out, 0);
    assert.deepEqual([...out], [29, 59, 89, 119, 9, 24, 39, 54, 1.75, 9.25, 16.75, 24.25]);
    renderCrop(small, centreCrop(small, 2), true, { ...preprocessing, imageSize: 2 }, out, 0);
    assert.deepEqual([...out.subarray(0, 4)], [59, 29, 119, 89]);
  });
});
