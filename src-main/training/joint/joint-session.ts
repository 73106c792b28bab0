/**
 * @file Several tasks under joint training on one engine. One task at a time is in place in the engine's state; the others' entries
 * wait in memory of the host, so that steps are compiled once and activations are held once, however many tasks there are.
 */
import { TapsError } from '../../contract/errors.ts';
import type { JointConfig } from '../../contract/joint.ts';
import type { FloatTensor } from '../../contract/tensors.ts';
import type { LayerState, TaskArtifact, TrainConfig } from '../../contract/training.ts';
import type { CompiledStep, Engine, EngineState } from '../../engine/types.ts';
import { baseValue } from '../../graph/base-value.ts';
import type { BaseModel } from '../../graph/types.ts';
import { SCORES } from '../steps/plan.ts';
import type { StepShape } from '../steps/train-step.ts';
import { layerStates, storedBytes, taskArtifact } from '../task-artifact.ts';
import type { ImageBatch, StepHyperparameters, StepOutcome } from '../types.ts';
import { cutClasses, engineStart, exchangedEntries, keptSharedEntries, makeJointPlan, ownStart, planOf, type JointPlan } from './joint-plan.ts';
import { evaluatedOwnEntries, jointEvaluateSpec, ownStepSpec, sharedStepSpec, taskAccumulateSpec, taskStepSpec } from './joint-steps.ts';

type Tensors = Map<string, FloatTensor>;

/** Settings of the joint stage, as a single run would have them. */
export function jointStageConfig({ variant, train, sharedEpochs, sharedLearningRate }: JointConfig): TrainConfig {
  if (variant === 'exact') return train;
  return { ...train, method: 'full-fine-tuning', epochs: sharedEpochs ?? train.epochs, learningRate: sharedLearningRate ?? train.learningRate, scoreLearningRate: null };
}

/** Entries of task `task` in snapshots. */
const taskPrefix = (task: number): string => `task/${String(task)}/`;

export interface JointSessionOptions {
  engine: Engine;
  base: BaseModel;
  config: JointConfig;
  /** Of each task. */
  classes: readonly number[];
  imageSize: number;
}

interface JointSteps {
  taskStep: CompiledStep;
  ownStep: CompiledStep | null;
  sharedStep: CompiledStep;
  evaluateStep: CompiledStep;
}

export class JointSession {
  readonly plan: JointPlan;
  readonly imageSize: number;
  readonly #state: EngineState;
  readonly #taskStep: CompiledStep;
  /** Where an optimiser step sees several micro-batches of a task: moves its own entries after the last. */
  readonly #ownStep: CompiledStep | null;
  readonly #sharedStep: CompiledStep;
  readonly #evaluateStep: CompiledStep;
  /** Own entries of every task; those of the task in place are out of date where it was trained since. */
  readonly #own: Tensors[];
  /** Names of what is exchanged between tasks, and of the part of it that evaluation reads. */
  readonly #exchanged: string[];
  readonly #evaluated: string[];
  #inPlace = 0;
  /** Whether all of the task is in place. */
  #complete = true;
  /** Whether the task in place has moved since its entries were stored. */
  #trained = false;
  /** Of the task in place, in this optimiser step. */
  #microBatches = 0;

  private constructor(plan: JointPlan, imageSize: number, state: EngineState, { taskStep, ownStep, sharedStep, evaluateStep }: JointSteps) {
    this.plan = plan;
    this.imageSize = imageSize;
    this.#state = state;
    this.#taskStep = taskStep;
    this.#ownStep = ownStep;
    this.#sharedStep = sharedStep;
    this.#evaluateStep = evaluateStep;
    this.#exchanged = exchangedEntries(plan);
    this.#evaluated = evaluatedOwnEntries(plan);
    this.#own = plan.tasks.map((_plan, task) => ownStart(plan, task));
  }

  /** Compiles the steps and puts start values on the engine. Dispose of the session, not of the engine, when done. */
  static async create({ engine, base, config, classes, imageSize }: JointSessionOptions): Promise<JointSession> {
    const stage = jointStageConfig(config);
    const plan = makeJointPlan(base, stage, config.variant, classes);
    const shape: StepShape = { batchSize: stage.batchSize, imageSize };
    const state = engine.createState(engineStart(plan));
    const compile = (spec: ReturnType<typeof sharedStepSpec>): Promise<CompiledStep> => engine.compile(spec, state);
    const several = stage.accumulate > 1;
    return new JointSession(plan, imageSize, state, {
      taskStep: await compile(several ? taskAccumulateSpec(plan, shape) : taskStepSpec(plan, shape)),
      ownStep: several ? await compile(ownStepSpec(plan)) : null,
      sharedStep: await compile(sharedStepSpec(plan)),
      evaluateStep: await compile(jointEvaluateSpec(plan, shape)),
    });
  }

  /** Classes of a batch's one-hot labels and of all logits: those of the largest task. A smaller task's come first, the rest is never the largest. */
  get classes(): number {
    return this.plan.program.classes;
  }

  /**
   * One micro-batch of one task; its own entries move (after the last where `accumulate` says that there are several, which follow each
   * other), what is shared waits for `sharedStep`.
   */
  async taskStep(task: number, batch: ImageBatch, hyper: StepHyperparameters): Promise<StepOutcome> {
    if (this.#microBatches > 0 && task !== this.#inPlace) throw new Error('The micro-batches of a task follow each other.');
    await this.#place(task, true);
    const layers = this.plan.program.gated.length;
    const rates = {
      learningRate: Float32Array.of(hyper.learningRate),
      scoreLearningRate: Float32Array.of(hyper.scoreLearningRate),
      penalty: new Float32Array(Math.max(1, layers)).fill(layers === 0 ? 0 : hyper.lambda / layers),
    };
    const feeds = { images: batch.images, labels: batch.labels };
    const { loss, logits } = await this.#taskStep.run(this.#ownStep === null ? { ...feeds, ...rates } : feeds);
    if (this.#ownStep !== null && ++this.#microBatches === this.plan.config.accumulate) {
      this.#microBatches = 0;
      await this.#ownStep.run(rates);
    }
    this.#trained = true;
    if (loss === undefined || logits === undefined) throw new Error('The training step returned nothing.');
    return { loss: loss[0] ?? Number.NaN, logits };
  }

  /** After the micro-batches of every task: moves what is shared by the mean of the gradients since the last call. */
  async sharedStep(learningRate: number): Promise<void> {
    await this.#sharedStep.run({ learningRate: Float32Array.of(learningRate) });
  }

  /** Inference with running statistics, same batch size as training; row-major logits [batch, classes]. */
  async evaluateStep(task: number, images: Float32Array): Promise<Float32Array> {
    await this.#place(task, false);
    const { logits } = await this.#evaluateStep.run({ images });
    if (logits === undefined) throw new Error('The evaluation step returned nothing.');
    return logits;
  }

  /** Gated layers of a task with current scores, forward order; null scores in the first stage of `two-stage`. */
  async layers(task: number): Promise<LayerState[]> {
    if (this.plan.program.gated.length === 0) return layerStates(planOf(this.plan, task), new Float32Array());
    const scores = task === this.#inPlace ? await this.#state.read(SCORES) : this.#ownOf(task).get(SCORES)?.data;
    return layerStates(planOf(this.plan, task), scores ?? new Float32Array());
  }

  /** Float32 bytes that a task would take now on the derived base, without file header; 0 in the first stage of `two-stage`. */
  async openBytes(task: number): Promise<number> {
    return this.plan.variant === 'exact' ? storedBytes(planOf(this.plan, task), await this.layers(task)) : 0;
  }

  /** Complete trainable state: a checkpoint's content. Taken between optimiser steps, when the accumulators are zero. */
  snapshot(): Promise<Tensors> {
    return this.#take(keptSharedEntries(this.plan), this.#exchanged);
  }

  /** What is computed with, without the optimiser's entries. */
  weights(): Promise<Tensors> {
    return this.#take([...this.plan.shared.map(({ name }) => name), ...this.plan.sharedStatistics], this.#evaluated);
  }

  async #take(shared: readonly string[], own: readonly string[]): Promise<Tensors> {
    await this.#storeInPlace();
    const taken: Tensors = new Map();
    for (const name of shared) taken.set(name, { shape: this.#state.shapeOf(name), data: await this.#state.read(name) });
    this.#own.forEach((entries, task) => {
      for (const name of own) taken.set(taskPrefix(task) + name, need(entries.get(name), name));
    });
    return taken;
  }

  /**
   * Inverse of `snapshot` and of `weights`; what the given one lacks stays as it is.
   * @throws TapsError `run-incompatible` when an entry is of another run
   */
  restore(snapshot: ReadonlyMap<string, FloatTensor>): void {
    const complete = new Set([...keptSharedEntries(this.plan), ...this.#own.flatMap((_entries, task) => this.#exchanged.map((name) => taskPrefix(task) + name))]);
    for (const [name, { shape }] of snapshot) {
      const expected = complete.has(name) ? this.#state.shapeOf(name.replace(/^task\/\d+\//, '')) : undefined;
      if (expected?.length !== shape.length || expected.some((size, axis) => size !== shape[axis])) {
        throw new TapsError('run-incompatible', `The checkpoint does not fit this joint run (${name}).`, 'Discard the run with --discard and start it again.');
      }
    }
    for (const name of keptSharedEntries(this.plan)) {
      const value = snapshot.get(name);
      if (value !== undefined) this.#state.write(name, value.data);
    }
    this.#own.forEach((entries, task) => {
      for (const name of this.#exchanged) {
        const value = snapshot.get(taskPrefix(task) + name);
        if (value !== undefined) entries.set(name, value);
      }
    });
    this.#trained = false;
    this.#complete = true;
    this.#writeInPlace(this.#exchanged);
  }

  /**
   * Of `weights` or a snapshot: values of the derived base by parameter. `exact`: float32(W̄ + Δ); `two-stage`: all trained values and
   * statistics.
   */
  baseValues(weights: ReadonlyMap<string, FloatTensor>): Tensors {
    const { plan } = this;
    const values: Tensors = new Map();
    for (const { name, parameter } of plan.shared) {
      const { shape, data } = need(weights.get(name), name);
      const own = plan.variant === 'exact' ? baseValue(plan.program.base, parameter.name).data : null;
      values.set(parameter.name, { shape, data: own === null ? data : own.map((number, index) => number + (data[index] ?? 0)) });
    }
    plan.program.statistics.forEach(({ name: parameter }, index) => {
      const name = plan.sharedStatistics[index];
      if (name !== undefined) values.set(parameter, need(weights.get(name), name));
    });
    return values;
  }

  /** Of `weights` or a snapshot of an `exact` session: what is stored for a task on the derived base. */
  artifactOf(task: number, weights: ReadonlyMap<string, FloatTensor>, about: Pick<TaskArtifact, 'baseId' | 'classNames' | 'preprocessing'>): TaskArtifact {
    const plan = planOf(this.plan, task);
    const prefix = taskPrefix(task);
    const own = new Map<string, FloatTensor>();
    for (const [name, value] of weights) if (name.startsWith(prefix)) own.set(name.slice(prefix.length), cutClasses(name.slice(prefix.length), value, plan.classes));
    return taskArtifact(plan, about, own);
  }

  dispose(): void {
    for (const step of [this.#taskStep, this.#ownStep, this.#sharedStep, this.#evaluateStep]) step?.dispose();
    this.#state.dispose();
  }

  #ownOf(task: number): Tensors {
    return need(this.#own[task], `task ${String(task)}`);
  }

  /** @param complete with what only training reads; without, the next training step places the rest */
  async #place(task: number, complete: boolean): Promise<void> {
    if (task === this.#inPlace && (this.#complete || !complete)) return;
    if (task !== this.#inPlace) await this.#storeInPlace();
    this.#inPlace = task;
    this.#complete = complete;
    this.#writeInPlace(complete ? this.#exchanged : this.#evaluated);
  }

  #writeInPlace(names: readonly string[]): void {
    const own = this.#ownOf(this.#inPlace);
    for (const name of names) this.#state.write(name, need(own.get(name), name).data);
  }

  async #storeInPlace(): Promise<void> {
    if (!this.#trained) return;
    const own = this.#ownOf(this.#inPlace);
    for (const name of this.#exchanged) own.set(name, { shape: this.#state.shapeOf(name), data: await this.#state.read(name) });
    this.#trained = false;
  }
}

function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`The joint run has no ${what}.`);
  return value;
}
