/** @file A joint run in miniature: a stored base and two tasks of real decoded pictures, of three and of two classes. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { prepare } from '../../src-main/codec/prepare.ts';
import { jointConfigSchema, type JointConfig, type JointJob } from '../../src-main/contract/joint.ts';
import { trainConfigSchema, type TrainConfig } from '../../src-main/contract/training.ts';
import { scanDataset } from '../../src-main/data/scan.ts';
import { makeTinyRun, TINY_PREPROCESSING, writeStripes } from './tiny-run.ts';

export interface TinyJointRun {
  folder: string;
  job(config?: Partial<Omit<JointConfig, 'train'>>, train?: Partial<TrainConfig>, runName?: string): JointJob;
  remove(): void;
}

/** The second task has no class 'plain' and fewer pictures: its head is narrower and its epochs are shorter. */
export async function writeTwoStripes(folder: string, perClass: number): Promise<void> {
  await writeStripes(folder, perClass);
  rmSync(join(folder, 'plain'), { recursive: true });
}

export async function makeTinyJointRun(): Promise<TinyJointRun> {
  const tiny = await makeTinyRun();
  const single = tiny.job();
  const images = join(tiny.folder, 'other-images');
  await writeTwoStripes(images, 12);
  const manifest = await scanDataset(images, { seed: 2, validation: 0.2, test: 0.2 });
  const preparedFolder = join(tiny.folder, 'other-prepared');
  await prepare({ root: manifest.root, images: manifest.images, preprocessing: TINY_PREPROCESSING, cacheFolder: join(tiny.folder, 'cache'), outputFolder: preparedFolder, verify: true }, () => undefined);
  return {
    folder: tiny.folder,
    job: (config = {}, train = {}, runName = 'joint') => ({
      runFolder: join(tiny.folder, runName),
      base: single.base,
      config: jointConfigSchema.parse({ ...config, train: trainConfigSchema.parse({ method: 'taps', epochs: 3, batchSize: 5, learningRate: 0.02, warmupEpochs: 1, lambda: 3, seed: 3, threads: 1, ...train }) }),
      tasks: [
        { name: 'stripes', classNames: single.classNames, preparedFolder: single.preparedFolder, datasetHash: single.datasetHash },
        { name: 'directions', classNames: manifest.classes, preparedFolder, datasetHash: manifest.hash },
      ],
      preprocessing: TINY_PREPROCESSING,
      resume: false,
    }),
    remove: () => {
      tiny.remove();
    },
  };
}
