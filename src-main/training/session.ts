/** @file A network under adaptation on an engine: the training loop's view of everything numeric. */
import { TapsError } from '../contract/errors.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import { elementCount, type FloatTensor } from '../contract/tensors.ts';
import type { LayerState, TaskArtifact, TrainConfig } from '../contract/training.ts';
import type { CompiledStep, Engine, EngineState } from '../engine/types.ts';
import type { BaseModel } from '../graph/types.ts';
import { evaluateStepSpec } from './steps/evaluate-step.ts';
import { ACTIVATIONS, IMAGES } from './steps/network.ts';
import { ACCUMULATED_PREFIX, accumulatorName, BASE_PREFIX, deltaName, HEAD_BIAS, HEAD_WEIGHT, initialState, learnsBelowHead, makePlan, SCORES, type TrainPlan } from './steps/plan.ts';
import { featuresStepSpec } from './steps/features-step.ts';
import { fixedGatesPlan } from './steps/fixed-gates.ts';
import { accumulateStepSpec, applyStepSpec, optimizerEntries, trainStepSpec, type StepShape } from './steps/train-step.ts';
import { layerStates, storedBytes, taskArtifact } from './task-artifact.ts';
import { chooseTrunk, wholeTrunk, type Trunk } from './trunk/trunk.ts';
import { trunkStepSpec, withTrunk } from './trunk/with-trunk.ts';
import type { Batch, Pictures, SessionTrunk, StepHyperparameters, StepOutcome, TrainingSession } from './types.ts';

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
  const imageSize = config.imageSize ?? options.preprocessing.imageSize;
  const plan = planOn(base, config, classNames.length, imageSize);
  const state = engine.createState(initialState(plan));
  const shape = { batchSize: config.batchSize, imageSize };
  const training = await compileTraining(engine, plan, shape, state);
  const evaluation = await engine.compile(evaluateStepSpec(plan, shape), state);
  const trunk = plan.trunk === null ? null : await engine.compile(trunkStepSpec(base, plan.trunk, shape), state);
  return new EngineSession(options, plan, imageSize, state, { training, evaluation, trunk });
}

/**
 * The plan of a run with the trunk it asks for; with all of the network as trunk where only the head learns.
 * @throws TapsError `invalid-config` when there is no such trunk, or nothing above it to learn
 */
function planOn(base: BaseModel, config: TrainConfig, classes: number, imageSize: number): TrainPlan {
  const plan = makePlan(base, config, classes);
  const shape = { batchSize: config.batchSize, imageSize };
  if (!learnsBelowHead(plan)) {
    const whole = wholeTrunk(base, shape);
    return whole === null ? plan : withTrunk(plan, whole);
  }
  if (config.trunkShare === 0) return plan;
  const above = withTrunk(plan, chooseTrunk(base, shape, config.trunkShare));
  if (learnsBelowHead(above)) return above;
  throw new TapsError('invalid-config', `Nothing that ${config.method} learns is above a trunk of ${String(Math.round(100 * config.trunkShare))} % of a forward pass.`, 'Give a smaller trunk.');
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

interface SessionSteps {
  training: TrainingSteps;
  evaluation: CompiledStep;
  trunk: CompiledStep | null;
}

function sessionTrunk({ share, value }: Trunk, step: CompiledStep): SessionTrunk {
  return {
    share,
    length: elementCount(value.shape),
    async run(images) {
      const { activations } = await step.run({ images });
      if (activations === undefined) throw new Error('The trunk returned nothing.');
      return activations;
    },
  };
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
  readonly #trunkStep: CompiledStep | null;
  readonly trunk: SessionTrunk | null;
  /** Programs for gates that no longer move. */
  #fixed: TrainingSteps | null = null;
  #features: CompiledStep | null = null;
  #microBatch = 0;

  constructor(options: SessionOptions, plan: TrainPlan, imageSize: number, state: EngineState, { training, evaluation, trunk }: SessionSteps) {
    this.config = options.config;
    this.imageSize = imageSize;
    this.classes = plan.classes;
    this.compileMs = [...training.steps, evaluation, ...(trunk === null ? [] : [trunk])].reduce((sum, step) => sum + step.compileMs, 0);
    this.#options = options;
    this.#plan = plan;
    this.#state = state;
    this.#training = training;
    this.#evaluation = evaluation;
    this.#trunkStep = trunk;
    this.trunk = plan.trunk === null || trunk === null ? null : sessionTrunk(plan.trunk, trunk);
  }

  async trainStep(batch: Batch, hyper: StepHyperparameters): Promise<StepOutcome> {
    const { plan, steps: [first, second] } = this.#fixed ?? this.#training;
    const rates = {
      learningRate: Float32Array.of(hyper.learningRate),
      scoreLearningRate: Float32Array.of(hyper.scoreLearningRate),
      penalty: penalties(plan, hyper),
    };
    const feeds = { ...(await this.#picturesOf(batch)), labels: batch.labels, ...(batch.inverseSigma === undefined ? {} : { inverseSigma: batch.inverseSigma }) };
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

  /** Pictures as the steps take them. */
  async #picturesOf(pictures: Pictures): Promise<Record<string, Float32Array>> {
    if ('activations' in pictures) return { [ACTIVATIONS]: pictures.activations };
    return this.trunk === null ? { [IMAGES]: pictures.images } : { [ACTIVATIONS]: await this.trunk.run(pictures.images) };
  }

  async evaluateStep(pictures: Float32Array | Pictures): Promise<Float32Array> {
    const { logits } = await this.#evaluation.run(await this.#picturesOf(pictures instanceof Float32Array ? { images: pictures } : pictures));
    if (logits === undefined) throw new Error('The evaluation step returned nothing.');
    return logits;
  }

  async features(pictures: Pictures): Promise<Float32Array> {
    const shape = { batchSize: this.config.batchSize, imageSize: this.imageSize };
    this.#features ??= await this.#options.engine.compile(featuresStepSpec(this.#plan, shape), this.#state);
    const { features } = await this.#features.run(await this.#picturesOf(pictures));
    if (features === undefined) throw new Error('The feature step returned nothing.');
    return features;
  }

  setHead({ weight, bias }: { weight: Float32Array; bias: Float32Array }): void {
    this.#features?.dispose();
    this.#features = null;
    this.#state.write(HEAD_WEIGHT, weight);
    this.#state.write(HEAD_BIAS, bias);
  }

  async layers(): Promise<LayerState[]> {
    const scores = this.#plan.gated.length === 0 ? new Float32Array() : await this.#state.read(SCORES);
    return layerStates(this.#plan, scores);
  }

  async setGates(open: readonly boolean[]): Promise<void> {
    const layers = await this.layers();
    const threshold = Math.fround(this.#plan.config.threshold);
    const scores = layers.flatMap(({ score, open: isOpen }, layer) => {
      // A layer of the trunk has no gate.
      if (score === null) return [];
      const wanted = open[layer] === true;
      return wanted === isOpen ? score : threshold - (wanted ? 0 : CLOSED_BELOW);
    });
    this.#release();
    this.#state.write(SCORES, Float32Array.from(scores));
  }

  async restart(open: readonly boolean[]): Promise<void> {
    await this.setGates(open);
    const closed = new Set((await this.layers()).filter((layer) => !layer.open).map(({ name }) => name));
    const kept = new Set(this.#state.names());
    for (const { name, shape } of this.#plan.gated) {
      if (!closed.has(name)) continue;
      const delta = deltaName(name);
      for (const entry of [...optimizerEntries(this.#plan, delta), accumulatorName(delta)]) if (kept.has(entry)) this.#state.write(entry, new Float32Array(elementCount(shape)));
    }
  }

  async fixGates(): Promise<void> {
    if (this.#fixed !== null || this.#plan.gated.length === 0) return;
    if (this.#microBatch !== 0) throw new Error('Gates are fixed between optimiser steps only.');
    const open = (await this.layers()).filter(({ score }) => score !== null).map((layer) => layer.open);
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

  restore(saved: Map<string, FloatTensor>): void {
    const names = this.#checkpointed();
    // Earlier checkpoints had the sums between micro-batches too, which are zero between optimiser steps.
    const snapshot = new Map([...saved].filter(([name]) => !name.startsWith(ACCUMULATED_PREFIX)));
    const wrong = names.find((name) => !sameShape(snapshot.get(name)?.shape, this.#state.shapeOf(name)));
    if (wrong !== undefined || snapshot.size !== names.length) {
      throw new TapsError('run-incompatible', `The checkpoint does not fit this run (${wrong ?? `${String(snapshot.size)} entries instead of ${String(names.length)}`}).`, 'Start the run again without --resume.');
    }
    this.#release();
    for (const [name, { data }] of snapshot) this.#state.write(name, data);
    for (const name of this.#state.names()) if (name.startsWith(ACCUMULATED_PREFIX)) this.#state.write(name, new Float32Array(elementCount(this.#state.shapeOf(name))));
    this.#microBatch = 0;
  }

  /** Everything that training changes, as it is between optimiser steps: whatever the micro-batches, a run can go on from it. */
  #checkpointed(): string[] {
    return this.#state.names().filter((name) => !name.startsWith(BASE_PREFIX) && !name.startsWith(ACCUMULATED_PREFIX));
  }

  artifactOf(snapshot: Map<string, FloatTensor>): TaskArtifact {
    const { baseId, classNames, preprocessing } = this.#options;
    return taskArtifact(this.#plan, { baseId, classNames, preprocessing: { ...preprocessing, imageSize: this.imageSize } }, snapshot);
  }

  dispose(): void {
    this.#release();
    for (const step of [...this.#training.steps, this.#evaluation]) step.dispose();
    this.#trunkStep?.dispose();
    this.#features?.dispose();
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
