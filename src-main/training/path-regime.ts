/**
 * @file A path: one run that ends with a result for every level from a weak penalty to a strong one.
 *
 * [Note: Path] Two parts. The search (training/path-search) learns with every gate open, then raises the penalty, fast: it finds out
 * which layers each level keeps. The sets are nested: a stronger level's lie within a weaker one's. The growth then learns the levels
 * the other way round, from the sparsest to the one with all layers, each with its gates fixed (training/session compiles it without
 * what is closed) and started from the one before; a layer that opens goes on from the δ that it had when it closed. So every level
 * has the search and all that are sparser behind it. (Regularisation paths start sparse too: Friedman, Hastie and Tibshirani, J. Stat.
 * Softw. 2010.) The other way round, weak to strong with the weights that are there, the layers that stay have to make up in a few
 * epochs for what closes; the sparse levels then were up to 15 points worse than runs of their own. With δ = 0 for what opens, levels
 * were 1.4 points worse in the mean of three runs of eight levels: a few epochs are all they have to learn in.
 *
 * Each level has a cosine of its own (warm restarts, Loshchilov and Hutter, ICLR 2017), so that its end is worth keeping.
 */
import { levelsOf, type PathPlan } from '../contract/budget.ts';
import type { LayerState, TrainConfig } from '../contract/training.ts';
import { levelEpochs, pathEpochs, type PathEpochs } from '../core/path-plan.ts';
import { LambdaSearch, SizeSearch, type PathSearch } from './path-search.ts';
import type { GateHandling, Regime, RegimeMemory } from './regime.ts';
import { cosine } from './schedule.ts';
import type { TaskBytes } from './task-bytes.ts';

/** Rate at the end of the search, relative to the run's. */
const SEARCH_END_RATE = 0.5;
/** Rate at the start of the first and of a further level of the growth: higher ones undo more of what was learnt than a short level mends. */
const FIRST_RATE = 1;
const LEVEL_RATE = 0.4;

export class PathRegime implements Regime {
  readonly epochs: number;
  readonly watches = true;
  readonly settled = true;
  readonly path: PathPlan;
  readonly #config: TrainConfig;
  readonly #stepsPerEpoch: number;
  readonly #split: PathEpochs;
  readonly #search: PathSearch;

  /**
   * @param bytes with 0 for layers that have no gate
   * @param memory of a checkpoint; null at the start of a run
   * @throws TapsError `invalid-config` (see `pathEpochs`)
   */
  constructor(config: TrainConfig, path: PathPlan, stepsPerEpoch: number, bytes: TaskBytes, memory: RegimeMemory | null) {
    this.#config = config;
    this.path = path;
    this.#stepsPerEpoch = stepsPerEpoch;
    this.#split = pathEpochs(config.epochs, levelsOf(path));
    this.epochs = this.#split.total;
    const steps = this.#searchSteps;
    this.#search = 'sizes' in path ? new SizeSearch(path.sizes, steps, config, bytes, memory) : new LambdaSearch(path.lambdas, steps, memory);
  }

  get #levels(): number {
    return this.#search.levels;
  }

  get #searchSteps(): number {
    return this.#split.search * this.#stepsPerEpoch;
  }

  hyperparameters(optimizerStep: number): ReturnType<Regime['hyperparameters']> {
    const { learningRate, scoreLearningRate } = this.#config;
    const ofScores = scoreLearningRate ?? learningRate;
    if (optimizerStep < this.#searchSteps) {
      const factor = SEARCH_END_RATE + (1 - SEARCH_END_RATE) * cosine(optimizerStep, this.#searchSteps);
      return { learningRate: learningRate * factor, scoreLearningRate: ofScores * factor, ...this.#search.penaltyAt(optimizerStep) };
    }
    const { from, to } = this.#epochsOf(this.#growthLevel(optimizerStep));
    const start = this.#growthLevel(optimizerStep) === this.#levels - 1 ? FIRST_RATE : LEVEL_RATE;
    const factor = start * cosine(optimizerStep - from * this.#stepsPerEpoch, (to - from) * this.#stepsPerEpoch);
    return { learningRate: learningRate * factor, scoreLearningRate: 0, lambda: 0 };
  }

  #epochsOf(level: number): { from: number; to: number } {
    return levelEpochs(this.#split, level, this.#levels);
  }

  #growthLevel(optimizerStep: number): number {
    return this.levelOf(Math.floor(optimizerStep / this.#stepsPerEpoch));
  }

  /** Level that an epoch belongs to; of the search, the one whose layers it ends with. */
  levelOf(epoch: number): number {
    if (epoch < this.#split.search) return this.#search.levelAt((epoch + 1) * this.#stepsPerEpoch - 1);
    return Array.from({ length: this.#levels }, (_, level) => level).findLast((level) => this.#epochsOf(level).to > epoch) ?? 0;
  }

  /** Of a level, the epochs of its second half. */
  eligible(epoch: number): boolean {
    if (epoch < this.#split.search) return false;
    const { from, to } = this.#epochsOf(this.levelOf(epoch));
    return epoch - from >= Math.floor((to - from) / 2);
  }

  levelEndingWith(epoch: number): number | null {
    if (epoch < this.#split.search) return null;
    const level = this.levelOf(epoch);
    return this.#epochsOf(level).to === epoch + 1 ? level : null;
  }

  async before(optimizerStep: number, session: GateHandling): Promise<void> {
    if (optimizerStep < this.#searchSteps) return;
    const level = this.#growthLevel(optimizerStep);
    if (this.#epochsOf(level).from * this.#stepsPerEpoch === optimizerStep) await session.restart(this.#search.openAt(level));
    await session.fixGates();
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  after(optimizerStep: number, layers: readonly LayerState[]): void {
    if (optimizerStep < this.#searchSteps) this.#search.after(optimizerStep, layers);
  }

  memory(): RegimeMemory {
    return this.#search.memory();
  }
}
