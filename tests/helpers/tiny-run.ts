/** @file A whole run in miniature: a stored base, real decoded pictures, a job. For tests of the trainer and its owner. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { prepare } from '../../src-main/codec/prepare.ts';
import type { Preprocessing } from '../../src-main/contract/preprocessing.ts';
import type { TrainJob } from '../../src-main/contract/trainer-protocol.ts';
import { trainConfigSchema, type TrainConfig } from '../../src-main/contract/training.ts';
import { scanDataset } from '../../src-main/data/scan.ts';
import { writeSafetensors } from '../../src-main/formats/safetensors.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { splitWeights } from '../../src-main/graph/topology.ts';
import { sha256OfBytes } from '../../src-main/platform/hash.ts';

export const TINY_PREPROCESSING: Preprocessing = { imageSize: 12, channelOrder: 'rgb', scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25], resize: 'squash' };

export interface TinyRun {
  folder: string;
  job(overrides?: Partial<TrainConfig>, runName?: string): TrainJob;
  remove(): void;
}

/** Pictures of three classes that differ in colour and direction of their stripes, with noise. */
export async function writeStripes(folder: string, perClass: number): Promise<void> {
  let seed = 1;
  const random = (): number => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed / 0x7fffffff;
  };
  for (const [label, name] of ['across', 'down', 'plain'].entries()) {
    await mkdir(join(folder, name), { recursive: true });
    for (let index = 0; index < perClass; index++) {
      const pixels = Buffer.alloc(16 * 16 * 3);
      const phase = Math.floor(random() * 4);
      for (let y = 0; y < 16; y++) {
        for (let x = 0; x < 16; x++) {
          const bright = label === 2 ? 0.5 : ((label === 0 ? y : x) + phase) % 4 < 2 ? 0.9 : 0.1;
          for (let c = 0; c < 3; c++) pixels[(y * 16 + x) * 3 + c] = Math.min(255, Math.round(255 * bright * 0.8 + random() * 50));
        }
      }
      await writeFile(join(folder, name, `${String(index).padStart(2, '0')}.png`), await sharp(pixels, { raw: { width: 16, height: 16, channels: 3 } }).png().toBuffer());
    }
  }
}

/** @param perClass pictures of each of the three classes */
export async function makeTinyRun(perClass = 14): Promise<TinyRun> {
  const folder = mkdtempSync(join(tmpdir(), 'taps-run-'));
  await writeStripes(join(folder, 'images'), perClass);
  const manifest = await scanDataset(join(folder, 'images'), { seed: 1, validation: 0.15, test: 0.2 });
  await prepare(
    { root: manifest.root, images: manifest.images, preprocessing: TINY_PREPROCESSING, cacheFolder: join(folder, 'cache'), outputFolder: join(folder, 'prepared'), verify: true },
    () => undefined,
  );
  const onnx = readFileSync(new URL('../fixtures/taps/record/convnet.onnx', import.meta.url));
  const { topology, weights } = splitWeights(parseOnnx(onnx));
  const weightBytes = writeSafetensors(weights, {});
  await writeFile(join(folder, 'topology.onnx'), topology);
  await writeFile(join(folder, 'weights.safetensors'), weightBytes);
  const base = {
    baseId: '1'.repeat(64),
    graphPath: join(folder, 'topology.onnx'),
    graphSha256: sha256OfBytes(topology),
    weightsPath: join(folder, 'weights.safetensors'),
    weightsSha256: sha256OfBytes(weightBytes),
  };
  return {
    folder,
    job: (overrides = {}, runName = 'run') => ({
      runId: runName,
      runFolder: join(folder, runName),
      base,
      config: trainConfigSchema.parse({ method: 'taps', epochs: 4, batchSize: 6, learningRate: 0.02, warmupEpochs: 1, lambda: 1, seed: 3, threads: 1, ...overrides }),
      classNames: manifest.classes,
      preprocessing: TINY_PREPROCESSING,
      preparedFolder: join(folder, 'prepared'),
      datasetHash: manifest.hash,
      resume: false,
    }),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
