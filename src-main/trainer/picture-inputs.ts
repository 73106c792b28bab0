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

/** How often what a trunk makes of a view is asked for: never again, once more, or every epoch. */
type Return = 'never' | 'once' | 'always';

/** One view of a picture. */
interface View {
  /** The same for the same numbers. */
  key: string;
  comesBack: Return;
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

  /**
   * Augmented views, a batch of them; empty slots are zeros.
   * @param indices positions in the set
   * @param again whether they are asked for once more before the epoch is over
   */
  training(indices: readonly number[], epoch: number, again = false): Promise<Pictures> {
    const { config: { augmentation, seed, views }, data, preprocessing } = this.#options;
    const view = augmentation === 'none' ? 0 : views === 0 ? epoch : epoch % views;
    const comesBack = augmentation === 'none' || views > 0 ? 'always' : again ? 'once' : 'never';
    return this.#batch(
      indices.map((index) => ({
        key: `${String(index)}/${String(view)}`,
        comesBack,
        render: (out, offset) => { data.trainingInput(index, out, offset, preprocessing, augmentation, seed, view); },
      })),
    );
  }

  /** Evaluation views, a batch of them. Compares epochs; of what is kept, `asPredicted`. */
  evaluation(indices: readonly number[]): Promise<Pictures> {
    const { data, preprocessing } = this.#options;
    return this.#batch(indices.map((index) => ({ key: `${String(index)}/whole`, comesBack: 'always', render: (out, offset) => { data.evaluationInput(index, out, offset, preprocessing); } })));
  }

  /** As `evaluation`, exactly as a prediction sees them: the trunk's float32, however activations are kept. */
  async asPredicted(indices: readonly number[]): Promise<Pictures> {
    const { config: { batchSize, trunkPrecision }, data, preprocessing } = this.#options;
    if (trunkPrecision === 'float32') return this.evaluation(indices);
    return { images: this.#render(indices.map((index) => ({ render: (out, offset) => { data.evaluationInput(index, out, offset, preprocessing); } })), batchSize) };
  }

  async #batch(views: readonly View[]): Promise<Pictures> {
    const { config: { batchSize }, session: { trunk } } = this.#options;
    if (trunk === null) return { images: this.#render(views, batchSize) };
    return { activations: await this.#throughTrunk(views, trunk, batchSize) };
  }

  #render(views: readonly Pick<View, 'render'>[], batchSize: number): Float32Array {
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
    const missing = views.flatMap((view, slot) => (this.#kept(view, activations, slot * length) ? [] : [{ view, slot }]));
    if (missing.length === 0) return activations;
    const made = await trunk.run(this.#render(missing.map(({ view }) => view), batchSize));
    // What is not kept is rounded too: whether a value found room must not change what is learnt from it.
    if (this.#options.config.trunkPrecision === 'float16') fromHalves(toHalves(made), made, 0);
    missing.forEach(({ view, slot }, row) => {
      const value = made.subarray(row * length, (row + 1) * length);
      activations.set(value, slot * length);
      if (view.comesBack !== 'never') this.#cache?.put(view.key, value, view.comesBack === 'once' ? 'memory' : 'anywhere');
    });
    return activations;
  }

  /** Whether a view was kept; then it is in `activations`, and no longer kept unless it comes back again. */
  #kept({ key, comesBack }: View, activations: Float32Array, offset: number): boolean {
    if (this.#cache?.get(key, activations, offset) !== true) return false;
    if (comesBack === 'never') this.#cache.forget(key);
    return true;
  }

  dispose(): void {
    this.#cache?.dispose();
  }
}
