/** @file Pictures of a prepared set as a session takes them: pixels, or what its trunk made of them, kept where it is needed again. */
import { elementCount } from '../contract/tensors.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { TrainConfig } from '../contract/training.ts';
import { fromHalves, toHalves } from '../core/half-precision.ts';
import type { PreparedSet } from '../data/prepared-set.ts';
import type { Pictures, SessionTrunk, TrainingSession } from '../training/types.ts';
import { ActivationCache } from './activation-cache.ts';

export interface PictureInputOptions {
  session: Pick<TrainingSession, 'imageSize' | 'trunk'>;
  data: PreparedSet;
  config: TrainConfig;
  preprocessing: Preprocessing;
  /** File for activations that memory has no room for. */
  cachePath: string;
}

/** One view of a picture. */
interface View {
  /** The same for the same numbers; null where they will not be asked for again. */
  key: string | null;
  render: (out: Float32Array, offset: number) => void;
}

export class PictureInputs {
  readonly #options: PictureInputOptions;
  readonly #pixels: number;
  readonly #cache: ActivationCache | null;

  constructor(options: PictureInputOptions) {
    const { session: { imageSize, trunk }, config, cachePath } = options;
    this.#options = options;
    this.#pixels = elementCount([3, imageSize, imageSize]);
    this.#cache = trunk === null ? null : new ActivationCache(trunk.length, config.trunkPrecision, { memoryBytes: 1e6 * config.trunkMemory, diskBytes: 1e6 * config.trunkDisk, path: cachePath });
  }

  /** Augmented views, a batch of them; empty slots are zeros. @param indices positions in the set */
  training(indices: readonly number[], epoch: number): Promise<Pictures> {
    const { config: { augmentation, seed, views }, data, preprocessing } = this.#options;
    const view = augmentation === 'none' ? 0 : views === 0 ? epoch : epoch % views;
    const comesBack = augmentation === 'none' || views > 0;
    return this.#batch(
      indices.map((index) => ({
        key: comesBack ? `${String(index)}/${String(view)}` : null,
        render: (out, offset) => { data.trainingInput(index, out, offset, preprocessing, augmentation, seed, view); },
      })),
    );
  }

  /** Evaluation views, a batch of them. Compares epochs; of what is kept, `asPredicted`. */
  evaluation(indices: readonly number[]): Promise<Pictures> {
    const { data, preprocessing } = this.#options;
    return this.#batch(indices.map((index) => ({ key: `${String(index)}/whole`, render: (out, offset) => { data.evaluationInput(index, out, offset, preprocessing); } })));
  }

  /** As `evaluation`, exactly as a prediction sees them: the trunk's float32, however activations are kept. */
  async asPredicted(indices: readonly number[]): Promise<Pictures> {
    const { config: { batchSize, trunkPrecision }, data, preprocessing } = this.#options;
    if (trunkPrecision === 'float32') return this.evaluation(indices);
    return { images: this.#render(indices.map((index) => ({ key: null, render: (out, offset) => { data.evaluationInput(index, out, offset, preprocessing); } })), batchSize) };
  }

  async #batch(views: readonly View[]): Promise<Pictures> {
    const { config: { batchSize }, session: { trunk } } = this.#options;
    if (trunk === null) return { images: this.#render(views, batchSize) };
    return { activations: await this.#throughTrunk(views, trunk, batchSize) };
  }

  #render(views: readonly View[], batchSize: number): Float32Array {
    const images = new Float32Array(batchSize * this.#pixels);
    views.forEach(({ render }, slot) => {
      render(images, slot * this.#pixels);
    });
    return images;
  }

  /** Views that are not kept go through the trunk together, one run for all of them. */
  async #throughTrunk(views: readonly View[], trunk: SessionTrunk, batchSize: number): Promise<Float32Array> {
    const { length } = trunk;
    const activations = new Float32Array(batchSize * length);
    const missing = views.flatMap((view, slot) => (view.key !== null && this.#cache?.get(view.key, activations, slot * length) === true ? [] : [{ view, slot }]));
    if (missing.length === 0) return activations;
    const made = await trunk.run(this.#render(missing.map(({ view }) => view), batchSize));
    // What is not kept is rounded too: whether a value found room must not change what is learnt from it.
    if (this.#options.config.trunkPrecision === 'float16') fromHalves(toHalves(made), made, 0);
    missing.forEach(({ view, slot }, row) => {
      const value = made.subarray(row * length, (row + 1) * length);
      activations.set(value, slot * length);
      if (view.key !== null) this.#cache?.put(view.key, value);
    });
    return activations;
  }

  dispose(): void {
    this.#cache?.dispose();
  }
}
