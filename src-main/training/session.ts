/** @file A network under adaptation on an engine: the training loop's view of everything numeric. */
import { TapsError } from '../contract/errors.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import { elementCount, type FloatTensor } from '../contract/tensors.ts';
import type { LayerState, TaskArtifact, TrainConfig } from '../contract/training.ts';
import type { CompiledStep, Engine, EngineState } from '../engine/types.ts';
import type { BaseModel } from '../graph/types.ts';
import { evaluateStepSpec } from './steps/evaluate-step.ts';
import { BASE_PREFIX, initialState, makePlan, SCORES, type TrainPlan } from './steps/plan.ts';
import { fixedGatesPlan } from './steps/fixed-gates.ts';
import { accumulateStepSpec, applyStepSpec, trainStepSpec, type StepShape } from './steps/train-step.ts';
import { layerStates, storedBytes, taskArtifact } from './task-artifact.ts';
import type { Batch, StepHyperparameters, StepOutcome, TrainingSession } from './types.ts';

/** How far below τ a score goes whose layer is closed by hand: as far as the published start value is above it. */
const CLOSED_BELOW = 0.05;

export interface SessionOptions {
  engine: Engine;
  base: BaseModel;
  baseId: string;
  config: TrainConfig;
  classNames: string[];
  /** imageSize is overridden by `config.imageSize` when that is given. */
  preprocessing: Preprocessing;
}

/** Compiles the steps and puts start values on the engine. Dispose of the session, not of the engine, when done. */
export async function createTrainingSession(options: SessionOptions): Promise<TrainingSession> {
  const { engine, base, config, classNames } = options;
  const plan = makePlan(base, config, classNames.length);
  const imageSize = config.imageSize ?? options.preprocessing.imageSize;
  const state = engine.createState(initialState(plan));
  const shape = { batchSize: config.batchSize, imageSize };
  const training = await compileTraining(engine, plan, shape, state);
  const evaluation = await engine.compile(evaluateStepSpec(plan, shape), state);
  return new EngineSession(options, plan, imageSize, state, training, evaluation);
}

/** The programs of one optimiser step, and the plan they were made for. */
interface TrainingSteps {
  plan: TrainPlan;
  steps: CompiledStep[];
}

async function compileTraining(engine: Engine, plan: TrainPlan, shape: StepShape, state: EngineState): Promise<TrainingSteps> {
  const specs = plan.config.accumulate > 1 ? [accumulateStepSpec(plan, shape), applyStepSpec(plan)] : [trainStepSpec(plan, shape)];
  const steps: CompiledStep[] = [];
  for (const spec of specs) steps.push(await engine.compile(spec, state));
  return { plan, steps };
}

class EngineSession implements TrainingSession {
  readonly config: TrainConfig;
  readonly imageSize: number;
  readonly classes: number;
  readonly compileMs: number;
  readonly #options: SessionOptions;
  readonly #plan: TrainPlan;
  readonly #state: EngineState;
  readonly #training: TrainingSteps;
  readonly #evaluation: CompiledStep;
  /** Programs for gates that no longer move. */
  #fixed: TrainingSteps | null = null;
  #microBatch = 0;

  constructor(options: SessionOptions, plan: TrainPlan, imageSize: number, state: EngineState, training: TrainingSteps, evaluation: CompiledStep) {
    this.config = options.config;
    this.imageSize = imageSize;
    this.classes = plan.classes;
    this.compileMs = [...training.steps, evaluation].reduce((sum, step) => sum + step.compileMs, 0);
    this.#options = options;
    this.#plan = plan;
    this.#state = state;
    this.#training = training;
    this.#evaluation = evaluation;
  }

  async trainStep(batch: Batch, hyper: StepHyperparameters): Promise<StepOutcome> {
    const { plan, steps: [first, second] } = this.#fixed ?? this.#training;
    const rates = {
      learningRate: Float32Array.of(hyper.learningRate),
      scoreLearningRate: Float32Array.of(hyper.scoreLearningRate),
      penalty: penalties(plan, hyper),
    };
    const feeds = { images: batch.images, labels: batch.labels, ...(batch.inverseSigma === undefined ? {} : { inverseSigma: batch.inverseSigma }) };
    const accumulating = this.config.accumulate > 1;
    const results = await first?.run(accumulating ? feeds : { ...feeds, ...rates });
    if (accumulating && ++this.#microBatch === this.config.accumulate) {
      this.#microBatch = 0;
      await second?.run(rates);
    }
    const { loss, logits } = results ?? {};
    if (loss === undefined || logits === undefined) throw new Error('The training step returned nothing.');
    return { loss: loss[0] ?? Number.NaN, logits };
  }

  async evaluateStep(images: Float32Array): Promise<Float32Array> {
    const { logits } = await this.#evaluation.run({ images });
    if (logits === undefined) throw new Error('The evaluation step returned nothing.');
    return logits;
  }

  async layers(): Promise<LayerState[]> {
    const scores = this.#plan.gated.length === 0 ? new Float32Array() : await this.#state.read(SCORES);
    return layerStates(this.#plan, scores);
  }

  async setGates(open: readonly boolean[]): Promise<void> {
    const layers = await this.layers();
    const threshold = Math.fround(this.#plan.config.threshold);
    const scores = layers.map(({ score, open: isOpen }, layer) => {
      const wanted = open[layer] === true;
      return wanted === isOpen ? (score ?? 0) : threshold - (wanted ? 0 : CLOSED_BELOW);
    });
    this.#release();
    this.#state.write(SCORES, Float32Array.from(scores));
  }

  async fixGates(): Promise<void> {
    if (this.#fixed !== null || this.#plan.gated.length === 0) return;
    if (this.#microBatch !== 0) throw new Error('Gates are fixed between optimiser steps only.');
    const open = (await this.layers()).map((layer) => layer.open);
    const shape = { batchSize: this.config.batchSize, imageSize: this.imageSize };
    this.#fixed = await compileTraining(this.#options.engine, fixedGatesPlan(this.#plan, open), shape, this.#state);
  }

  /** Gates may move again. */
  #release(): void {
    for (const step of this.#fixed?.steps ?? []) step.dispose();
    this.#fixed = null;
  }

  async openBytes(): Promise<number> {
    return storedBytes(this.#plan, await this.layers());
  }

  async snapshot(): Promise<Map<string, FloatTensor>> {
    if (this.#microBatch !== 0) throw new Error('A snapshot is taken between optimiser steps only.');
    const snapshot = new Map<string, FloatTensor>();
    for (const name of this.#checkpointed()) snapshot.set(name, { shape: this.#state.shapeOf(name), data: await this.#state.read(name) });
    return snapshot;
  }

  restore(snapshot: Map<string, FloatTensor>): void {
    const names = this.#checkpointed();
    const wrong = names.find((name) => !sameShape(snapshot.get(name)?.shape, this.#state.shapeOf(name)));
    if (wrong !== undefined || snapshot.size !== names.length) {
      throw new TapsError('run-incompatible', `The checkpoint does not fit this run (${wrong ?? `${String(snapshot.size)} entries instead of ${String(names.length)}`}).`, 'Start the run again without --resume.');
    }
    this.#release();
    for (const [name, { data }] of snapshot) this.#state.write(name, data);
    this.#microBatch = 0;
  }

  /** Everything that training changes. */
  #checkpointed(): string[] {
    return this.#state.names().filter((name) => !name.startsWith(BASE_PREFIX));
  }

  artifactOf(snapshot: Map<string, FloatTensor>): TaskArtifact {
    const { baseId, classNames, preprocessing } = this.#options;
    return taskArtifact(this.#plan, { baseId, classNames, preprocessing: { ...preprocessing, imageSize: this.imageSize } }, snapshot);
  }

  dispose(): void {
    this.#release();
    for (const step of [...this.#training.steps, this.#evaluation]) step.dispose();
    this.#state.dispose();
  }
}

/** The penalty's slope on each score: λ/L as published, or λ·n_l/n. */
function penalties(plan: TrainPlan, { lambda, penalty = 'layers' }: StepHyperparameters): Float32Array {
  const sizes = plan.gated.map(({ shape }) => elementCount(shape));
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const slopes = sizes.map((size) => (penalty === 'layers' ? lambda / sizes.length : (lambda * size) / all));
  return Float32Array.from(slopes.length === 0 ? [0] : slopes);
}

function sameShape(a: readonly number[] | undefined, b: readonly number[]): boolean {
  return a?.length === b.length && a.every((size, axis) => size === b[axis]);
}
