/** @file Which pictures of which task make up a joint step: a function of (seed, step) alone, whatever the micro-batches. */
import type { Preprocessing } from '../contract/preprocessing.ts';
import { elementCount } from '../contract/tensors.ts';
import type { TrainConfig } from '../contract/training.ts';
import { TapsError } from '../contract/errors.ts';
import { batchesPerEpoch, epochOrder, trainingBatch } from '../core/batching.ts';
import type { PreparedSet } from '../data/prepared-set.ts';
import type { ImageBatch } from '../training/types.ts';

/** Micro-batches of one task. It goes through its own pictures in epochs of its own, whatever the other tasks do. */
export class TaskBatches {
  /** Optimiser steps of one pass over the task's training pictures. */
  readonly perEpoch: number;
  readonly #data: PreparedSet;
  readonly #config: TrainConfig;
  readonly #preprocessing: Preprocessing;
  /** Columns of the one-hot labels: at least the task's classes. */
  readonly #classes: number;
  readonly #train: number[];
  #order: { epoch: number; positions: Uint32Array } | undefined;

  /** @throws TapsError `dataset-invalid` when the task has no training picture */
  constructor(name: string, data: PreparedSet, config: TrainConfig, preprocessing: Preprocessing, classes: number) {
    this.#data = data;
    this.#config = config;
    this.#preprocessing = preprocessing;
    this.#classes = classes;
    this.#train = data.indicesOf('train');
    if (this.#train.length === 0) throw new TapsError('dataset-invalid', `No training picture of task ${JSON.stringify(name)} could be decoded.`, 'Check the files; taps task show lists what was left out.');
    this.perEpoch = batchesPerEpoch(this.#train.length, config.batchSize * config.accumulate);
  }

  /**
   * @param step optimiser step from 0 over the whole run
   * @param micro micro-batch of the step, 0..accumulate−1
   */
  at(step: number, micro: number): { batch: ImageBatch; labels: number[] } {
    const { accumulate, batchSize, augmentation, seed } = this.#config;
    const epoch = Math.floor(step / this.perEpoch);
    if (this.#order?.epoch !== epoch) this.#order = { epoch, positions: epochOrder(this.#train.length, seed, epoch) };
    const pixels = elementCount([3, this.#preprocessing.imageSize, this.#preprocessing.imageSize]);
    const images = new Float32Array(batchSize * pixels);
    const oneHot = new Float32Array(batchSize * this.#classes);
    const labels = trainingBatch(this.#order.positions, batchSize, (step % this.perEpoch) * accumulate + micro).map((position, slot) => {
      const index = this.#train[position] ?? 0;
      this.#data.trainingInput(index, images, slot * pixels, this.#preprocessing, augmentation, seed, epoch);
      const label = this.#data.labels[index] ?? -1;
      oneHot[slot * this.#classes + label] = 1;
      return label;
    });
    return { batch: { images, labels: oneHot }, labels };
  }
}

/** Steps of one joint epoch: the pass over the smallest task. The others are drawn on, and go on in the next epoch where they were. */
export function jointStepsPerEpoch(tasks: readonly TaskBatches[]): number {
  return Math.min(...tasks.map(({ perEpoch }) => perEpoch));
}
