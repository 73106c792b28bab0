/** @file What a version of a task answers on the pictures of the choice, compared with the original's answers. */
import type { Preprocessing } from '../../contract/preprocessing.ts';
import { elementCount } from '../../contract/tensors.ts';
import type { Evaluation, TaskArtifact } from '../../contract/training.ts';
import { meanDivergence } from '../../core/divergence.ts';
import { scoreLogits } from '../../core/metrics.ts';
import type { PreparedSet } from '../../data/prepared-set.ts';
import type { SwapPredictor } from '../../training/swap-predictor.ts';

/** Validation pictures are filled up to this number with training pictures, whose answers (not labels) are compared too. */
const FEWEST_PICTURES = 256;
/** Rendered inputs that stay in memory. */
const KEPT_BYTES = 512 * 1024 * 1024;

export interface Judgement {
  /** On the validation pictures. */
  validation: Evaluation;
  /**
   * Mean divergence from the original's answers, nats: on the validation pictures or on all pictures of the choice, whichever is larger.
   * Training pictures steady the figure, but answers to them are surer and move less.
   */
  divergence: number;
}

export interface JudgeOptions {
  predictor: SwapPredictor;
  data: PreparedSet;
  preprocessing: Preprocessing;
  batchSize: number;
  /** Between batches: lets messages in, may throw to stop. */
  between: () => Promise<void>;
}

export class Judge {
  readonly #options: JudgeOptions;
  readonly #indices: number[];
  readonly #validation: number[];
  readonly #batches: (Float32Array | undefined)[] = [];
  readonly #kept: number;
  #reference: Float32Array = new Float32Array();

  constructor(options: JudgeOptions) {
    this.#options = options;
    const validation = options.data.indicesOf('validation');
    const training = options.data.indicesOf('train');
    this.#validation = validation.length > 0 ? validation : training;
    this.#indices = validation.length > 0 ? [...validation, ...training.slice(0, Math.max(0, FEWEST_PICTURES - validation.length))] : training;
    this.#kept = Math.floor(KEPT_BYTES / (4 * options.batchSize * this.#pixels));
  }

  get pictures(): number {
    return this.#indices.length;
  }

  /** Positions of the pictures that accuracy is measured on. */
  get validation(): readonly number[] {
    return this.#validation;
  }

  get #pixels(): number {
    const { imageSize } = this.#options.preprocessing;
    return elementCount([3, imageSize, imageSize]);
  }

  /** Remembers the answers of the original. */
  async setReference(artifact: TaskArtifact): Promise<Judgement> {
    this.#options.predictor.load(artifact);
    this.#reference = await this.#logits(0, this.#indices.length);
    return { validation: this.#score(this.#reference), divergence: 0 };
  }

  /** @param pictures look at so many of them only, the first ones */
  async divergenceOf(artifact: TaskArtifact, pictures: number): Promise<number> {
    const count = Math.min(pictures, this.#indices.length);
    this.#options.predictor.load(artifact);
    return this.#divergence(await this.#logits(0, count), count);
  }

  /** On the first `count` pictures; validation pictures come first. */
  #divergence(logits: Float32Array, count: number): number {
    const { classes } = this.#options.predictor;
    return meanDivergence(this.#reference.subarray(0, count * classes), logits.subarray(0, count * classes), classes);
  }

  /** @param isRefused by its validation pictures alone: then the others are not looked at, and the divergence is that on the former */
  async judge(artifact: TaskArtifact, isRefused: (validation: Evaluation) => boolean = () => false): Promise<Judgement> {
    const { predictor, batchSize } = this.#options;
    const { classes } = predictor;
    predictor.load(artifact);
    const first = Math.min(this.#indices.length, batchSize * Math.ceil(this.#validation.length / batchSize));
    const logits = new Float32Array(this.#indices.length * classes);
    logits.set(await this.#logits(0, first));
    const validation = this.#score(logits);
    const divergence = this.#divergence(logits, this.#validation.length);
    if (isRefused(validation)) return { validation, divergence };
    logits.set(await this.#logits(first, this.#indices.length), first * classes);
    return { validation, divergence: Math.max(divergence, this.#divergence(logits, this.#indices.length)) };
  }

  /** Validation pictures come first. */
  #score(logits: Float32Array): Evaluation {
    const { data, predictor } = this.#options;
    return scoreLogits(logits.subarray(0, this.#validation.length * predictor.classes), this.#validation.map((index) => data.labels[index] ?? -1), predictor.classes);
  }

  /** Answers to pictures `from` to `to` of the version that is loaded. @param from first of a batch */
  async #logits(from: number, to: number): Promise<Float32Array> {
    const { predictor, batchSize, between } = this.#options;
    const { classes } = predictor;
    const all = new Float32Array((to - from) * classes);
    for (let start = from; start < to; start += batchSize) {
      const logits = await predictor.logits(this.#images(start / batchSize));
      all.set(logits.subarray(0, Math.min(batchSize, to - start) * classes), (start - from) * classes);
      await between();
    }
    return all;
  }

  #images(batch: number): Float32Array {
    const known = this.#batches[batch];
    if (known !== undefined) return known;
    const { data, preprocessing, batchSize } = this.#options;
    const images = new Float32Array(batchSize * this.#pixels);
    this.#indices.slice(batch * batchSize, (batch + 1) * batchSize).forEach((index, slot) => { data.evaluationInput(index, images, slot * this.#pixels, preprocessing); });
    if (batch < this.#kept) this.#batches[batch] = images;
    return images;
  }
}
