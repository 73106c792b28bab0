/** @file The first part of a path: its penalty rises while every layer learns, and shows which layers each level keeps. */
import type { LayerState, TrainConfig } from '../contract/training.ts';
import { SEARCH_FREE, SEARCH_RATE } from '../core/path-plan.ts';
import { chooseNested } from './choose-gates.ts';
import type { RegimeMemory } from './regime.ts';
import { bytesOf, type TaskBytes } from './task-bytes.ts';
import type { StepHyperparameters } from './types.ts';

export interface PathSearch {
  readonly levels: number;
  /** λ at a step of the search, 0 in its free part, and what it weighs. */
  penaltyAt(step: number): Pick<StepHyperparameters, 'lambda' | 'penalty'>;
  /** Level whose layers a step of the search decides on. */
  levelAt(step: number): number;
  /** After every step of the search. */
  after(step: number, layers: readonly LayerState[]): void;
  /** Layers of a level; complete once the search has ended. Those of stronger levels lie within those of weaker ones. */
  openAt(level: number): boolean[];
  memory(): RegimeMemory;
}

/** How far a step is in the part of the search that has a penalty, 0..1; null before it. */
function progressAt(step: number, steps: number): number | null {
  const free = SEARCH_FREE * steps;
  return step < free ? null : (step - free) / (steps - free);
}

/** One λ after the other; a level keeps what is open when its λ ends. */
export class LambdaSearch implements PathSearch {
  readonly #lambdas: readonly number[];
  readonly #steps: number;
  /** How many levels, from the weakest, each layer is open at; empty before the first level has ended. */
  #openFor: number[];
  /** Levels that have ended. With fewer steps than levels one step may end several. */
  #ended: number;

  constructor(lambdas: readonly number[], steps: number, memory: RegimeMemory | null) {
    this.#lambdas = lambdas;
    this.#steps = steps;
    const { ended = 0, ...layers } = memory ?? {};
    this.#ended = Number(ended);
    this.#openFor = Object.values(layers).map(Number);
  }

  get levels(): number {
    return this.#lambdas.length;
  }

  penaltyAt(step: number): Pick<StepHyperparameters, 'lambda' | 'penalty'> {
    const level = this.#levelAt(step);
    return { lambda: level === null ? 0 : (this.#lambdas[level] ?? 0) };
  }

  levelAt(step: number): number {
    return this.#levelAt(step) ?? 0;
  }

  #levelAt(step: number): number | null {
    const progress = progressAt(step, this.#steps);
    return progress === null ? null : Math.min(Math.floor(this.levels * progress), this.levels - 1);
  }

  after(step: number, layers: readonly LayerState[]): void {
    const last = step + 1 === this.#steps;
    const level = this.#levelAt(step) ?? (last ? this.levels - 1 : null);
    if (level === null || (!last && this.#levelAt(step + 1) === level)) return;
    this.#openFor = layers.map(({ open }, layer) => {
      const levels = this.#openFor[layer] ?? 0;
      return open && levels === this.#ended ? level + 1 : levels;
    });
    this.#ended = level + 1;
  }

  openAt(level: number): boolean[] {
    return this.#openFor.map((levels) => levels > level);
  }

  memory(): RegimeMemory {
    return { ended: this.#ended, ...byLayer(this.#openFor) };
  }
}

/** Scores that differ by so much are told apart among layers that close in the same step. */
const FINENESS = 0.01;

/**
 * [Note: Sizes] Which λ closes which layer depends on rate, batch, steps and the network's depth: on a short run of a ResNet-50 all 53
 * layers close within one of four λ, and the path has two results. Levels by size need no λ from anybody. The penalty weighs layers by
 * their bytes, as a budget's does, and rises exponentially at a pace at which, without any gain, the largest layer closes first and the
 * smallest last; what a layer gains puts that off. The moment at which a layer closes is its worth, and the levels are the nested
 * choices of the largest worth within sizes that lie evenly, on a logarithmic scale, between no layer and all.
 */
export class SizeSearch implements PathSearch {
  readonly levels: number;
  readonly #steps: number;
  readonly #config: TrainConfig;
  readonly #bytes: TaskBytes;
  /** Moment at which each layer closed, in steps; 0 while it is open. At the end, of all layers. */
  #closed: number[];

  /** @param bytes with 0 for layers that have no gate */
  constructor(levels: number, steps: number, config: TrainConfig, bytes: TaskBytes, memory: RegimeMemory | null) {
    this.levels = levels;
    this.#steps = steps;
    this.#config = config;
    this.#bytes = bytes;
    this.#closed = memory === null ? bytes.layers.map(() => 0) : Object.values(memory).map(Number);
  }

  /**
   * A score without gain falls by η·λ(t)·n_l/n a step, which reaches the distance from start to threshold at the moment at which
   * e^{kt} − 1 = (largest layer's bytes)/(this layer's bytes); k puts the smallest layer's moment near the end.
   */
  penaltyAt(step: number): Pick<StepHyperparameters, 'lambda' | 'penalty'> {
    const progress = progressAt(step, this.#steps);
    if (progress === null) return { lambda: 0, penalty: 'weights' };
    const { momentum, optimizer, scoreInit, threshold, learningRate, scoreLearningRate } = this.#config;
    const sizes = this.#bytes.layers.filter((bytes) => bytes > 0);
    const all = sizes.reduce((sum, bytes) => sum + bytes, 0);
    const largest = Math.max(...sizes);
    const rate = SEARCH_RATE * (scoreLearningRate ?? learningRate);
    const perStep = optimizer === 'sgd' ? rate / (1 - momentum) : rate;
    const growth = Math.log((2 * largest) / Math.min(...sizes));
    const steps = Math.max(1, (1 - SEARCH_FREE) * this.#steps);
    const distance = Math.max(scoreInit - threshold, FINENESS);
    return { lambda: ((growth / steps) * distance * all * Math.exp(growth * progress)) / (perStep * largest), penalty: 'weights' };
  }

  levelAt(step: number): number {
    return Math.min(Math.floor(this.levels * (progressAt(step, this.#steps) ?? 0)), this.levels - 1);
  }

  after(step: number, layers: readonly LayerState[]): void {
    const last = step + 1 === this.#steps;
    const { threshold } = this.#config;
    this.#closed = layers.map(({ score, open }, layer) => {
      const before = this.#closed[layer] ?? 0;
      if (score === null || before > 0 || (open && !last)) return before;
      // The lower a score has fallen in this step, the earlier it went through τ; the higher one still is, the later it would.
      const within = open ? 2 - Math.exp((threshold - score) / FINENESS) : Math.exp((score - threshold) / FINENESS);
      return step + within;
    });
  }

  openAt(level: number): boolean[] {
    const all = bytesOf(this.#bytes, this.#bytes.layers.map(() => true));
    const { fixed } = this.#bytes;
    const inner = Array.from({ length: this.levels - 2 }, (_, place) => fixed * (all / fixed) ** ((place + 1) / (this.levels - 1)));
    const worth = this.#closed.map((moment, layer) => ((this.#bytes.layers[layer] ?? 0) === 0 ? null : moment));
    const sets = [worth.map(() => false), ...chooseNested(worth, this.#bytes, inner), worth.map((moment) => moment !== null)];
    return sets[this.levels - 1 - level] ?? [];
  }

  memory(): RegimeMemory {
    return byLayer(this.#closed);
  }
}

function byLayer(numbers: readonly number[]): RegimeMemory {
  return Object.fromEntries(numbers.map((value, layer) => [`layer ${String(layer)}`, value]));
}
