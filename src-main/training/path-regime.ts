/**
 * @file A path: one run that ends with a result for every λ from weak to strong.
 *
 * [Note: Path] Two parts. The search learns with every gate open, then raises λ level by level, fast: it finds out which layers each
 * level keeps, nothing more. A layer that has closed stays closed for the stronger levels, so the sets are nested. The growth then
 * learns the levels the other way round, from the strongest λ to the weakest, each with its gates fixed and started from the one
 * before: a layer that opens begins with δ = 0, so nothing that was learnt is disturbed, and every level has been learnt as long as
 * all that are sparser together. (Regularisation paths start sparse for the same reason: Friedman, Hastie and Tibshirani, J. Stat.
 * Softw. 2010.) The other way round, weak to strong with the weights that are there, the layers that stay have to make up in a few
 * epochs for what closes; the sparse levels then were up to 15 points worse than runs of their own.
 *
 * Each level has a cosine of its own (warm restarts, Loshchilov and Hutter, ICLR 2017), so that its end is worth keeping.
 */
import type { LayerState, TrainConfig } from '../contract/training.ts';
import { levelEpochs, pathEpochs, SEARCH_FREE, type PathEpochs } from '../core/path-plan.ts';
import type { GateHandling, Regime, RegimeMemory } from './regime.ts';
import { cosine } from './schedule.ts';

/** Rate at the end of the search, relative to the run's. */
const SEARCH_END_RATE = 0.5;
/** Rate at the start of the first and of a further level of the growth: higher ones undo more of what was learnt than a short level mends. */
const FIRST_RATE = 1;
const LEVEL_RATE = 0.4;

export class PathRegime implements Regime {
  readonly epochs: number;
  readonly watches = true;
  readonly settled = true;
  readonly lambdas: readonly number[];
  readonly #config: TrainConfig;
  readonly #stepsPerEpoch: number;
  readonly #split: PathEpochs;
  /** How many levels, from the weakest, each layer is open at; empty before the first level of the search has ended. */
  #openFor: number[];
  /** Levels of the search that have ended. With fewer steps than levels one step may end several. */
  #ended: number;

  /**
   * @param memory of a checkpoint; null at the start of a run
   * @throws TapsError `invalid-config` (see `pathEpochs`)
   */
  constructor(config: TrainConfig, lambdas: readonly number[], stepsPerEpoch: number, memory: RegimeMemory | null) {
    this.#config = config;
    this.lambdas = lambdas;
    this.#stepsPerEpoch = stepsPerEpoch;
    this.#split = pathEpochs(config.epochs, lambdas.length);
    this.epochs = this.#split.total;
    const { ended = 0, ...layers } = memory ?? {};
    this.#ended = Number(ended);
    this.#openFor = Object.values(layers).map(Number);
  }

  get #searchSteps(): number {
    return this.#split.search * this.#stepsPerEpoch;
  }

  hyperparameters(optimizerStep: number): ReturnType<Regime['hyperparameters']> {
    const { learningRate, scoreLearningRate } = this.#config;
    const ofScores = scoreLearningRate ?? learningRate;
    if (optimizerStep < this.#searchSteps) {
      const factor = SEARCH_END_RATE + (1 - SEARCH_END_RATE) * cosine(optimizerStep, this.#searchSteps);
      const level = this.#searchLevel(optimizerStep);
      return { learningRate: learningRate * factor, scoreLearningRate: ofScores * factor, lambda: level === null ? 0 : (this.lambdas[level] ?? 0) };
    }
    const { from, to } = levelEpochs(this.#split, this.#growthLevel(optimizerStep), this.lambdas.length);
    const start = this.#growthLevel(optimizerStep) === this.lambdas.length - 1 ? FIRST_RATE : LEVEL_RATE;
    const factor = start * cosine(optimizerStep - from * this.#stepsPerEpoch, (to - from) * this.#stepsPerEpoch);
    return { learningRate: learningRate * factor, scoreLearningRate: 0, lambda: 0 };
  }

  /** null before the penalty sets in. */
  #searchLevel(optimizerStep: number): number | null {
    const free = SEARCH_FREE * this.#searchSteps;
    return optimizerStep < free ? null : Math.min(Math.floor((this.lambdas.length * (optimizerStep - free)) / (this.#searchSteps - free)), this.lambdas.length - 1);
  }

  #growthLevel(optimizerStep: number): number {
    return this.levelOf(Math.floor(optimizerStep / this.#stepsPerEpoch));
  }

  /** Level that an epoch belongs to; of the search, the one whose λ it ends with. */
  levelOf(epoch: number): number {
    if (epoch < this.#split.search) return this.#searchLevel((epoch + 1) * this.#stepsPerEpoch - 1) ?? 0;
    return this.lambdas.findLastIndex((_, level) => levelEpochs(this.#split, level, this.lambdas.length).to > epoch);
  }

  /** Of a level, the epochs of its second half. */
  eligible(epoch: number): boolean {
    if (epoch < this.#split.search) return false;
    const { from, to } = levelEpochs(this.#split, this.levelOf(epoch), this.lambdas.length);
    return epoch - from >= Math.floor((to - from) / 2);
  }

  levelEndingWith(epoch: number): number | null {
    if (epoch < this.#split.search) return null;
    const level = this.levelOf(epoch);
    return levelEpochs(this.#split, level, this.lambdas.length).to === epoch + 1 ? level : null;
  }

  async before(optimizerStep: number, session: GateHandling): Promise<void> {
    if (optimizerStep < this.#searchSteps || optimizerStep % this.#stepsPerEpoch !== 0) return;
    const level = this.#growthLevel(optimizerStep);
    if (levelEpochs(this.#split, level, this.lambdas.length).from * this.#stepsPerEpoch === optimizerStep) await session.restart(this.#openFor.map((levels) => levels > level));
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  after(optimizerStep: number, layers: readonly LayerState[]): void {
    if (optimizerStep >= this.#searchSteps) return;
    const last = optimizerStep + 1 === this.#searchSteps;
    const level = this.#searchLevel(optimizerStep) ?? (last ? this.lambdas.length - 1 : null);
    if (level === null || (!last && this.#searchLevel(optimizerStep + 1) === level)) return;
    this.#openFor = layers.map(({ open }, layer) => {
      const levels = this.#openFor[layer] ?? 0;
      return open && levels === this.#ended ? level + 1 : levels;
    });
    this.#ended = level + 1;
  }

  memory(): RegimeMemory {
    return { ended: this.#ended, ...Object.fromEntries(this.#openFor.map((levels, layer) => [`layer ${String(layer)}`, levels])) };
  }
}
