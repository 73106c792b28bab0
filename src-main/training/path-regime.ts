/**
 * @file A path: one run from a weak to a strong penalty, every level started from the one before (as the regularisation paths of
 * Friedman, Hastie and Tibshirani, J. Stat. Softw. 2010, are, from the other end: a closed gate holds its δ still, so it is layers
 * that are given up, not found).
 *
 * [Note: Path] The dense part learns the task with every gate open, on a cosine that ends where the levels begin. Each level then has a
 * cosine of its own from LEVEL_RATE of the rate towards 0 (warm restarts, Loshchilov and Hutter, ICLR 2017): the first half is fast
 * enough to move scores across τ and to let the layers that stay make up for those that close, the end is slow enough for the level's
 * weights to be worth keeping. A constant small rate would leave every snapshot noisy, a single cosine would hold the last levels still.
 */
import type { LayerState, TrainConfig } from '../contract/training.ts';
import { pathEpochs, type PathEpochs } from '../core/path-plan.ts';
import type { Regime } from './regime.ts';
import { cosine } from './schedule.ts';

/** Rate at the start of a level, and at the end of the dense part, relative to the run's. */
const LEVEL_RATE = 0.4;

export class PathRegime implements Regime {
  readonly epochs: number;
  readonly watches = false;
  readonly settled = true;
  readonly lambdas: readonly number[];
  readonly #config: TrainConfig;
  readonly #stepsPerEpoch: number;
  readonly #split: PathEpochs;

  /** @throws TapsError `invalid-config` (see `pathEpochs`) */
  constructor(config: TrainConfig, lambdas: readonly number[], stepsPerEpoch: number) {
    this.#config = config;
    this.lambdas = lambdas;
    this.#stepsPerEpoch = stepsPerEpoch;
    this.#split = pathEpochs(config.epochs, lambdas.length);
    this.epochs = this.#split.total;
  }

  hyperparameters(optimizerStep: number): ReturnType<Regime['hyperparameters']> {
    const { dense, perLevel } = this.#split;
    const { learningRate, scoreLearningRate } = this.#config;
    const level = this.#levelAt(Math.floor(optimizerStep / this.#stepsPerEpoch));
    const levelSteps = perLevel * this.#stepsPerEpoch;
    const factor =
      level === null
        ? LEVEL_RATE + (1 - LEVEL_RATE) * cosine(optimizerStep, dense * this.#stepsPerEpoch)
        : LEVEL_RATE * cosine(optimizerStep - dense * this.#stepsPerEpoch - level * levelSteps, levelSteps);
    return { learningRate: learningRate * factor, scoreLearningRate: (scoreLearningRate ?? learningRate) * factor, lambda: level === null ? 0 : (this.lambdas[level] ?? 0) };
  }

  #levelAt(epoch: number): number | null {
    return epoch < this.#split.dense ? null : Math.min(Math.floor((epoch - this.#split.dense) / this.#split.perLevel), this.lambdas.length - 1);
  }

  /** Of a level, the epochs of its second half. */
  eligible(epoch: number): boolean {
    const { dense, perLevel } = this.#split;
    return this.#levelAt(epoch) !== null && (epoch - dense) % perLevel >= Math.floor(perLevel / 2);
  }

  levelEndingWith(epoch: number): number | null {
    return (epoch + 1 - this.#split.dense) % this.#split.perLevel === 0 ? this.#levelAt(epoch) : null;
  }

  before(): Promise<void> {
    return Promise.resolve();
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  after(_step: number, _layers: readonly LayerState[]): void {
    // A path's λ is given.
  }

  memory(): null {
    return null;
  }
}
