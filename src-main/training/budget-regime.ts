/**
 * @file A run with a budget of bytes: λ is the multiplier of the constraint bytes ≤ budget and is adapted while the task is learnt.
 *
 * [Note: Budget] The problem is min CE subject to B(s) ≤ b. Its Lagrangian CE + λ·(B − b) weighs every layer by its bytes, so the
 * penalty is λ·Σ (n_l/n)·|s_l|, not the published (λ/L)·Σ|s_l|, to which a layer of two million weights costs as much as one of four
 * thousand. Dual ascent (Boyd and Vandenberghe, Convex Optimization, section 5; here on log λ, which keeps λ positive and makes its
 * steps relative): log λ ← log λ + η·(B_soft − b_t)/b_t after every optimiser step. B_soft counts a layer by a sigmoid of its score's
 * distance from τ, so λ feels a gate before it flips. b_t falls from all bytes to b along the cubic of Zhu and Gupta (2017, arXiv
 * 1710.01878), so that layers close one after the other and the rest adapts. Three phases: the warm-up without penalty; adaptation, up
 * to a fifth of the steps; then the gates are chosen once (training/choose-gates) and fixed, and the open layers learn on with a cosine
 * of their own (warm restart, Loshchilov and Hutter, ICLR 2017). Gates that move for longer leave the layers that stay too little time:
 * with two thirds of the steps the test accuracy of small tasks was three points below that of one third, and on a ResNet-50 with few
 * epochs one third was 1.7 points below one fifth. Only epochs that end with fixed gates may be kept: what is kept holds the budget by
 * construction.
 */
import type { BudgetReport, LayerState, TrainConfig } from '../contract/training.ts';
import { changesBetween, chooseGates } from './choose-gates.ts';
import type { GateHandling, Regime, RegimeMemory } from './regime.ts';
import { cosine } from './schedule.ts';
import { ADAPTING_SHARE, isEligible } from './selection.ts';
import { bytesOf, type TaskBytes } from './task-bytes.ts';

/** Rates at the end of the adaptation, relative to the run's: gates still move then. */
const ADAPTED_RATE = 0.5;
/** Part of the adaptation in which the target falls; in the rest λ settles at the budget itself. */
const FALLING = 0.75;
/** log λ can move by so much over the whole adaptation: a factor of 20 000 either way. */
const ASCENT = 10;
/** A violation counts at most so much per step, relative to the budget. */
const LARGEST_VIOLATION = 1;
/** Width of the sigmoid by which a score's distance from τ counts as bytes; a fifth of the published distance at the start. */
const SOFTNESS = 0.01;

interface Memory {
  logLambda: number;
  /** Optimiser step before which the gates were fixed; null before. */
  fixedAt: number | null;
  closed: number;
  opened: number;
}

export class BudgetRegime implements Regime {
  readonly epochs: number;
  readonly watches = true;
  readonly path = null;
  readonly #config: TrainConfig;
  readonly #stepsPerEpoch: number;
  readonly #bytes: TaskBytes;
  readonly #limit: number;
  readonly #from: number;
  readonly #until: number;
  #memory: Memory;

  /**
   * @param bytes with 0 for layers that have no gate
   * @param limit bytes, at least `bytes.fixed`
   * @param memory of a checkpoint; null at the start of a run
   */
  constructor(config: TrainConfig, stepsPerEpoch: number, bytes: TaskBytes, limit: number, memory: RegimeMemory | null) {
    this.epochs = config.epochs;
    this.#config = config;
    this.#stepsPerEpoch = stepsPerEpoch;
    this.#bytes = bytes;
    this.#limit = limit;
    const steps = config.epochs * stepsPerEpoch;
    this.#until = Math.min(Math.floor(ADAPTING_SHARE * steps), steps - 1);
    // A short run still adapts: its warm-up takes at most half of the time before the gates are fixed.
    this.#from = Math.min(config.warmupEpochs * stepsPerEpoch, Math.floor(this.#until / 2));
    this.#memory = memory === null ? { logLambda: Math.log(this.#startLambda()), fixedAt: null, closed: 0, opened: 0 } : (memory as unknown as Memory);
  }

  /** The λ at which the penalty alone would close a layer of average size in half of the adaptation: independent of rate, batch and steps. */
  #startLambda(): number {
    const { momentum, optimizer, threshold, scoreInit } = this.#config;
    const { scoreLearningRate } = this.#rates(Math.floor((this.#from + this.#until) / 2));
    const perStep = optimizer === 'sgd' ? scoreLearningRate / (1 - momentum) : scoreLearningRate;
    const distance = Math.max(scoreInit - threshold, SOFTNESS);
    const layers = Math.max(1, this.#bytes.layers.length);
    return (2 * distance * layers) / (perStep * Math.max(1, this.#until - this.#from));
  }

  get settled(): boolean {
    return this.#memory.fixedAt !== null;
  }

  /** Without a limit that binds there is nothing to adapt or to choose. */
  get #binds(): boolean {
    return this.#limit < bytesOf(this.#bytes, this.#bytes.layers.map(() => true));
  }

  hyperparameters(optimizerStep: number): ReturnType<Regime['hyperparameters']> {
    const rates = this.#rates(optimizerStep);
    const adapting = optimizerStep >= this.#from && !this.settled && this.#binds;
    return {
      learningRate: rates.learningRate,
      scoreLearningRate: this.settled ? 0 : rates.scoreLearningRate,
      lambda: adapting ? Math.exp(this.#memory.logLambda) : 0,
      penalty: 'weights',
    };
  }

  /** From the run's rates to a part of them while the gates move; then from the run's to 0. */
  #rates(optimizerStep: number): { learningRate: number; scoreLearningRate: number } {
    const { learningRate, scoreLearningRate } = this.#config;
    const left = this.epochs * this.#stepsPerEpoch - this.#until;
    const factor = optimizerStep < this.#until ? ADAPTED_RATE + (1 - ADAPTED_RATE) * cosine(optimizerStep, this.#until) : cosine(optimizerStep - this.#until, left);
    return { learningRate: learningRate * factor, scoreLearningRate: (scoreLearningRate ?? learningRate) * factor };
  }

  async before(optimizerStep: number, session: GateHandling): Promise<void> {
    if (optimizerStep >= this.#until) await this.settle(optimizerStep, session);
  }

  async settle(optimizerStep: number, session: GateHandling): Promise<void> {
    if (!this.settled) await this.#choose(optimizerStep, session);
    await session.fixGates();
  }

  async #choose(optimizerStep: number, session: GateHandling): Promise<void> {
    const layers = await session.layers();
    const before = layers.map(({ open }) => open);
    const open = chooseGates(layers.map(({ score }) => score), this.#bytes, this.#limit);
    await session.setGates(open);
    this.#memory = { ...this.#memory, ...changesBetween(before, open), fixedAt: optimizerStep };
  }

  after(optimizerStep: number, layers: readonly LayerState[]): void {
    if (optimizerStep < this.#from || this.settled || !this.#binds) return;
    const target = this.#target(optimizerStep);
    const violation = (this.#softBytes(layers) - target) / target;
    const step = ASCENT / Math.max(1, this.#until - this.#from);
    this.#memory = { ...this.#memory, logLambda: this.#memory.logLambda + step * Math.max(-LARGEST_VIOLATION, Math.min(LARGEST_VIOLATION, violation)) };
  }

  /** b_t, see [Note: Budget]. */
  #target(optimizerStep: number): number {
    const all = bytesOf(this.#bytes, this.#bytes.layers.map(() => true));
    const done = Math.min(1, (optimizerStep - this.#from) / Math.max(1, FALLING * (this.#until - this.#from)));
    return this.#limit + (all - this.#limit) * (1 - done) ** 3;
  }

  #softBytes(layers: readonly LayerState[]): number {
    const { threshold } = this.#config;
    return layers.reduce((sum, { score }, layer) => sum + (this.#bytes.layers[layer] ?? 0) / (1 + Math.exp((threshold - (score ?? 0)) / SOFTNESS)), this.#bytes.fixed);
  }

  /** The epoch in which the gates are fixed ends with fixed gates. */
  eligible(epoch: number): boolean {
    return this.settled && (epoch + 1) * this.#stepsPerEpoch > (this.#memory.fixedAt ?? 0) && isEligible(epoch, this.#config);
  }

  levelOf(): number {
    return 0;
  }

  levelEndingWith(): null {
    return null;
  }

  memory(): RegimeMemory {
    return { ...this.#memory };
  }

  /** @param layers of what was kept */
  report(layers: readonly LayerState[]): BudgetReport {
    const { logLambda, fixedAt, closed, opened } = this.#memory;
    return {
      limitBytes: this.#limit,
      bytes: Math.ceil(bytesOf(this.#bytes, layers.map(({ open }) => open))),
      leastBytes: Math.ceil(this.#bytes.fixed),
      mostBytes: Math.ceil(bytesOf(this.#bytes, layers.map(() => true))),
      lambda: Math.exp(logLambda),
      fixedAtStep: fixedAt ?? 0,
      closed,
      opened,
    };
  }
}
