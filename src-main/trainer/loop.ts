/** @file The training loop: epochs, validation, selection, checkpoints, pause, cancel and an early end. All numerics are behind the session. */
import { lambdaOfLevel } from '../contract/budget.ts';
import { TapsError } from '../contract/errors.ts';
import type { EpochMetrics, Evaluation, PathLevel, PictureTrust, TrainConfig, TrainProgress, TrainResult } from '../contract/training.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import { argMax } from '../core/metrics.ts';
import { batchesPerEpoch, epochOrder, trainingBatch } from '../core/batching.ts';
import type { PreparedSet } from '../data/prepared-set.ts';
import { BackgroundSave } from './background-save.ts';
import type { Checkpoint, RunPosition, Snapshot } from './checkpoint.ts';
import type { LoopControl } from './control.ts';
import { evaluateSplit, type EvaluationInput } from './evaluate.ts';
import type { PictureInputs } from './picture-inputs.ts';
import { pictureTrust } from './picture-trust.ts';
import { requireFinite, SMALLER_RATE } from './require-finite.ts';
import { chooseLevel } from '../training/choose-level.ts';
import type { Regime } from '../training/regime.ts';
import { SampleConfidence } from '../training/sample-confidence.ts';
import { optimizerStepsPerEpoch } from '../training/schedule.ts';
import { isBetter } from '../training/selection.ts';
import type { Batch, TrainingSession } from '../training/types.ts';

export interface LoopOptions {
  session: TrainingSession;
  data: PreparedSet;
  config: TrainConfig;
  /** What the run is after; made with what the checkpoint remembers. */
  regime: Regime;
  preprocessing: Preprocessing;
  inputs: PictureInputs;
  control: LoopControl;
  /** Continue from here. */
  start: Checkpoint | null;
  /** Durable when it resolves. */
  save(checkpoint: Checkpoint): Promise<void>;
  onProgress(progress: TrainProgress): void;
  onEpoch(metrics: EpochMetrics): void;
  /** Stores a finished level of a path; durable when it resolves. Returns the size of its file. */
  saveLevel(level: number, kept: Snapshot): Promise<number>;
  /** Training is over; the kept epoch is about to be evaluated. */
  onEvaluation?(): void;
  engine: string;
}

export interface LoopOutcome {
  result: TrainResult;
  /** What was kept; null for a path, whose levels are stored already. */
  best: Snapshot | null;
}

const PROGRESS_INTERVAL_MS = 200;
const SMOOTHING = 0.9;

/** Optimiser steps of one pass over the training pictures. */
export function stepsPerEpochOf(data: PreparedSet, config: TrainConfig): number {
  return optimizerStepsPerEpoch(batchesPerEpoch(data.indicesOf('train').length, config.batchSize), config.accumulate);
}

/** @throws TapsError `cancelled` after saving a checkpoint, `non-finite` with the last good checkpoint kept, `dataset-invalid` */
export async function runTraining(options: LoopOptions): Promise<LoopOutcome> {
  return new TrainingLoop(options).run();
}

class TrainingLoop {
  readonly #options: LoopOptions;
  readonly #train: number[];
  readonly #validation: number[];
  readonly #stepsPerEpoch: number;
  /** Null where pictures are all trusted alike. */
  readonly #confidence: SampleConfidence | null;
  #position: RunPosition;
  #best: Snapshot | null;
  #smoothedLoss: number | null = null;
  readonly #startedAt = performance.now();
  #lastProgress = 0;
  #imagesSinceStart = 0;
  /** Steps that the configuration asks for were left out. */
  #cut = false;
  readonly #saving: BackgroundSave<Checkpoint>;

  constructor(options: LoopOptions) {
    const { data, config, start, session } = options;
    this.#options = options;
    this.#saving = new BackgroundSave((checkpoint) => options.save(checkpoint));
    this.#train = data.indicesOf('train');
    const validation = data.indicesOf('validation');
    // Without a validation split the training images must do; results say how many images stood behind a figure.
    this.#validation = validation.length > 0 ? validation : this.#train;
    if (this.#train.length === 0) throw new TapsError('dataset-invalid', 'No training picture could be decoded.', 'Check the files; taps task show lists what was left out.');
    this.#stepsPerEpoch = stepsPerEpochOf(data, config);
    this.#position = start?.position ?? { epoch: 0, step: 0, seconds: 0, epochs: [], bestEpoch: null, partial: { loss: 0, correct: 0, images: 0 } };
    this.#best = start?.best ?? null;
    this.#confidence = config.sampleConfidence ? new SampleConfidence(this.#train.length, config.confidenceRate) : null;
    if (start !== null) session.restore(this.#confidence?.takeFrom(start.state) ?? start.state);
  }

  /** Ends when what it was asked to save is durable, however it ends. */
  run(): Promise<LoopOutcome> {
    return this.#saving.around(() => this.#learn());
  }

  async #learn(): Promise<LoopOutcome> {
    const { control, regime } = this.#options;
    while (this.#position.epoch < regime.epochs) {
      // With nothing to keep yet, one more step makes the present state an epoch of its own.
      if (control.finishing && this.#hasResult()) {
        this.#cut = true;
        break;
      }
      await this.#epoch();
    }
    return regime.path === null ? this.#result() : this.#pathResult();
  }

  async #result(): Promise<LoopOutcome> {
    const { session } = this.#options;
    const best = this.#best;
    const bestEpoch = this.#position.bestEpoch;
    if (best === null || bestEpoch === null) throw new TapsError('internal', 'No epoch was selected.', '');
    this.#options.onEvaluation?.();
    session.restore(best);
    const validation = await this.#evaluateKept(this.#validation);
    const test = await this.#evaluateKept(this.#options.data.indicesOf('test'));
    return { best, result: { ...this.#common(), bestEpoch, validation, test, ...(await this.#pictures()) } };
  }

  /** Of a path: everything was evaluated and stored when its level ended. */
  async #pathResult(): Promise<LoopOutcome> {
    const levels = this.#position.levels ?? [];
    const chosen = chooseLevel(levels, this.#options.config.budget);
    if (chosen === undefined) throw new TapsError('internal', 'No level was finished.', '');
    const { level, epoch, validation, test } = chosen;
    return { best: null, result: { ...this.#common(), bestEpoch: epoch, validation, test, levels, chosenLevel: level, ...(await this.#pictures()) } };
  }

  #common(): Pick<TrainResult, 'epochs' | 'seconds' | 'engine' | 'endedEarly'> {
    return { epochs: this.#position.epochs, seconds: this.#seconds(), engine: this.#options.engine, ...(this.#cut ? { endedEarly: true } : {}) };
  }

  /** What was learnt of every training picture; with the session's present weights. */
  async #pictures(): Promise<{ pictures?: PictureTrust[] }> {
    if (this.#confidence === null) return {};
    return { pictures: await pictureTrust(this.#confidence, this.#evaluationOf(this.#train, 'asPredicted')) };
  }

  /** Whether there is something to keep when a person ends the run now. */
  #hasResult(): boolean {
    return this.#options.regime.path === null ? this.#best !== null : (this.#position.levels ?? []).length > 0;
  }

  /** Optimiser steps since the start of the run. */
  #globalStep(): number {
    return this.#position.epoch * this.#stepsPerEpoch + this.#position.step;
  }

  /** Evaluates and stores what was kept of a level, then goes on from the present state. */
  async #endLevel(level: number): Promise<void> {
    const { regime, session } = this.#options;
    const { bestEpoch } = this.#position;
    const kept = this.#best;
    if (kept === null || bestEpoch === null) throw new TapsError('internal', `No epoch of level ${String(level)} was selected.`, '');
    const present = await session.snapshot();
    session.restore(kept);
    const validation = await this.#evaluateKept(this.#validation);
    const test = await this.#evaluateKept(this.#options.data.indicesOf('test'));
    const openLayers = (await session.layers()).filter(({ open }) => open).length;
    session.restore(present);
    const bytes = await this.#options.saveLevel(level, kept);
    const done: PathLevel = { level, lambda: regime.path === null ? null : lambdaOfLevel(regime.path, level), epoch: bestEpoch, openLayers, bytes, validation, test };
    this.#position = { ...this.#position, levels: [...(this.#position.levels ?? []), done].sort((a, b) => a.level - b.level), bestEpoch: null };
    this.#best = null;
  }

  /** One epoch; its rest is dropped when a person ends training and an earlier epoch can be kept. */
  async #epoch(): Promise<void> {
    const { config, control, regime, session } = this.#options;
    const { epoch } = this.#position;
    const order = epochOrder(this.#train.length, config.seed, epoch);
    const epochStart = performance.now();
    while (this.#position.step < this.#stepsPerEpoch) {
      await this.#optimizerStep(order);
      await this.#betweenSteps();
      if (!control.finishing || this.#position.step === this.#stepsPerEpoch) continue;
      if (this.#hasResult()) return;
      this.#cut = true;
      break;
    }
    // What is kept must be what was asked for.
    if (control.finishing && !this.#hasResult()) await regime.settle(this.#globalStep(), session);
    const { partial } = this.#position;
    const layers = await session.layers();
    const validation = await this.#evaluate(this.#validation);
    // A trunk's layers have no score; they keep their place, so that scores are those of all layers in forward order.
    const scores = layers.some(({ score }) => score !== null) ? layers.map(({ score }) => score ?? 0) : [];
    const metrics: EpochMetrics = {
      epoch,
      trainLoss: partial.loss / Math.max(partial.images, 1),
      trainAccuracy: partial.correct / Math.max(partial.images, 1),
      validationLoss: validation.loss,
      validationAccuracy: validation.accuracy,
      openLayers: layers.filter((layer) => layer.open).length,
      openBytes: await session.openBytes(),
      learningRate: regime.hyperparameters(epoch * this.#stepsPerEpoch).learningRate,
      seconds: (performance.now() - epochStart) / 1000,
      scores,
    };
    // Asked during the evaluation, with gates that still move: one more step, then they are fixed.
    if (control.finishing && regime.settled && epoch < regime.epochs - 1) this.#cut = true;
    const last = epoch === regime.epochs - 1 || this.#cut;
    const incumbent = this.#position.epochs.find((other) => other.epoch === this.#position.bestEpoch);
    const better = (regime.eligible(epoch) && isBetter(metrics, incumbent)) || (last && this.#best === null);
    // A shortened epoch is no place to go on from.
    const saves = !this.#cut && this.#saving.isWorthwhile;
    const present = better || saves ? await this.#finiteSnapshot() : null;
    if (better) {
      this.#best = present;
      this.#position.bestEpoch = epoch;
    }
    this.#position = { ...this.#position, epoch: epoch + 1, step: 0, epochs: [...this.#position.epochs, metrics], partial: { loss: 0, correct: 0, images: 0 } };
    const ended = regime.levelEndingWith(epoch);
    if (ended !== null || (this.#cut && regime.path !== null)) await this.#endLevel(ended ?? regime.levelOf(epoch));
    this.#options.onEpoch(metrics);
    if (saves && present !== null) await this.#checkpoint(present);
  }

  /** One optimiser step: `accumulate` micro-batches. */
  async #optimizerStep(order: Uint32Array): Promise<void> {
    const { config, regime, session } = this.#options;
    const { epoch, step, partial } = this.#position;
    const optimizerStep = this.#globalStep();
    await regime.before(optimizerStep, session);
    const hyper = regime.hyperparameters(optimizerStep);
    for (let micro = 0; micro < config.accumulate; micro++) {
      const positions = trainingBatch(order, config.batchSize, step * config.accumulate + micro);
      const { batch, labels } = await this.#batch(positions, epoch);
      const trust = this.#confidence === null ? {} : { inverseSigma: this.#confidence.inverseSigma(positions, config.batchSize) };
      const { loss, logits } = await session.trainStep({ ...batch, ...trust }, hyper);
      if (!Number.isFinite(loss)) {
        const where = `at epoch ${String(epoch + 1)}, step ${String(step + 1)}, learning rate ${hyper.learningRate.toPrecision(3)}`;
        throw new TapsError('non-finite', `The loss became ${String(loss)} ${where}.`, SMALLER_RATE, { details: { epoch, step, learningRate: hyper.learningRate } });
      }
      this.#confidence?.update(positions, labels, logits, session.classes);
      labels.forEach((label, row) => {
        if (argMax(logits.subarray(row * session.classes, (row + 1) * session.classes)) === label) partial.correct++;
      });
      partial.images += labels.length;
      partial.loss += loss * labels.length;
      this.#imagesSinceStart += labels.length;
      this.#smoothedLoss = this.#smoothedLoss === null ? loss : SMOOTHING * this.#smoothedLoss + (1 - SMOOTHING) * loss;
    }
    if (regime.watches) regime.after(optimizerStep, await session.layers());
    this.#position.step++;
  }

  async #batch(positions: number[], epoch: number): Promise<{ batch: Batch; labels: number[] }> {
    const { config, data, inputs, session } = this.#options;
    const indices = positions.map((position) => this.#train[position] ?? 0);
    const oneHot = new Float32Array(config.batchSize * session.classes);
    const labels = indices.map((index, slot) => {
      const label = data.labels[index] ?? -1;
      oneHot[slot * session.classes + label] = 1;
      return label;
    });
    return { batch: { ...(await inputs.training(indices, epoch)), labels: oneHot }, labels };
  }

  async #betweenSteps(): Promise<void> {
    const { control } = this.#options;
    const now = performance.now();
    this.#saving.check();
    if (now - this.#lastProgress >= PROGRESS_INTERVAL_MS) {
      this.#lastProgress = now;
      this.#options.onProgress(await this.#progress());
    }
    if (this.#saving.isDue) await this.#checkpoint();
    await control.breathe();
    if (control.cancelled) {
      await this.#checkpoint();
      await this.#saving.done();
      throw new TapsError('cancelled', 'The run was cancelled.', 'Resume it with --resume.');
    }
  }

  /** Begins to save where the run is. @param present the state, where it was just taken */
  async #checkpoint(present?: Snapshot): Promise<void> {
    const state = present ?? (await this.#finiteSnapshot());
    const regime = this.#options.regime.memory();
    await this.#saving.begin({ position: { ...this.#position, partial: { ...this.#position.partial }, seconds: this.#seconds(), ...(regime === null ? {} : { regime }) }, state: this.#confidence?.addTo(state) ?? state, best: this.#best });
  }

  async #finiteSnapshot(): Promise<Snapshot> {
    return requireFinite(await this.#options.session.snapshot(), this.#position);
  }

  #evaluate(indices: readonly number[]): Promise<Evaluation> {
    return evaluateSplit(this.#evaluationOf(indices, 'evaluation'));
  }

  /** Of weights that become a result: what a prediction will say. */
  #evaluateKept(indices: readonly number[]): Promise<Evaluation> {
    return evaluateSplit(this.#evaluationOf(indices, 'asPredicted'));
  }

  /** @param pictures as epochs are compared, or as a result is judged */
  #evaluationOf(indices: readonly number[], pictures: 'evaluation' | 'asPredicted'): EvaluationInput {
    const { config, control, data, inputs, preprocessing, session } = this.#options;
    return {
      data,
      indices,
      preprocessing,
      batchSize: config.batchSize,
      classes: session.classes,
      logits: { at: async (some) => session.evaluateStep(await inputs[pictures](some)) },
      between: () => control.breathe(),
    };
  }

  #seconds(): number {
    return this.#position.seconds + (performance.now() - this.#startedAt) / 1000;
  }

  async #progress(): Promise<TrainProgress> {
    const { config, regime, session } = this.#options;
    const { epoch, epochs, partial } = this.#position;
    const layers = await session.layers();
    const steps = regime.epochs * this.#stepsPerEpoch;
    const done = this.#globalStep();
    const elapsed = (performance.now() - this.#startedAt) / 1000;
    const stepsHere = this.#imagesSinceStart / (config.batchSize * config.accumulate);
    return {
      epoch,
      epochs: regime.epochs,
      step: done,
      steps,
      loss: this.#smoothedLoss ?? 0,
      accuracy: partial.correct / Math.max(partial.images, 1),
      validationAccuracy: epochs.at(-1)?.validationAccuracy ?? null,
      openLayers: layers.filter((layer) => layer.open).length,
      totalLayers: layers.length,
      imagesPerSecond: this.#imagesSinceStart / Math.max(elapsed, 1e-6),
      etaSeconds: stepsHere < 2 ? null : ((steps - done) * elapsed) / stepsHere,
      residentBytes: process.memoryUsage.rss(),
    };
  }
}
