/** @file The loop of joint training: a micro-batch of every task in turn, one optimiser step, selection on the mean validation accuracy. */
import { TapsError } from '../contract/errors.ts';
import type { JointConfig, JointEpoch, JointProgress } from '../contract/joint.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { EpochMetrics, Evaluation, Recovery, TrainConfig } from '../contract/training.ts';
import type { Split } from '../contract/dataset.ts';
import { argMax } from '../core/metrics.ts';
import type { PreparedSet } from '../data/prepared-set.ts';
import { jointStageConfig, type JointSession } from '../training/joint/joint-session.ts';
import { hyperparametersAt } from '../training/schedule.ts';
import { isBetter, isEligible } from '../training/selection.ts';
import { BackgroundSave } from './background-save.ts';
import type { Checkpoint, Snapshot } from './checkpoint.ts';
import type { LoopControl } from './control.ts';
import { evaluateSplit } from './evaluate.ts';
import { jointStepsPerEpoch, TaskBatches } from './joint-batches.ts';
import { requireFinite, SMALLER_RATE } from './require-finite.ts';

interface Sums {
  loss: number;
  correct: number;
  images: number;
}

/** Where a joint run is: everything that is not a tensor. */
export interface JointPosition {
  /** Next epoch and next optimiser step in it. */
  epoch: number;
  step: number;
  /** Seconds of training before this checkpoint. */
  seconds: number;
  epochs: JointEpoch[];
  bestEpoch: number | null;
  /** By task, over the steps of the unfinished epoch. */
  partial: Sums[];
  /** How the run went on by itself after failures; absent where nothing failed. */
  recoveries?: Recovery[];
}

export interface JointTaskData {
  name: string;
  data: PreparedSet;
  classes: number;
}

export interface JointLoopOptions {
  session: JointSession;
  tasks: readonly JointTaskData[];
  config: JointConfig;
  preprocessing: Preprocessing;
  control: LoopControl;
  /** Continue from here. */
  start: Checkpoint<JointPosition> | null;
  /** Durable when it resolves. */
  save(checkpoint: Checkpoint<JointPosition>): Promise<void>;
  onProgress(progress: JointProgress): void;
  onEpoch(epoch: JointEpoch): void;
}

export interface JointOutcome {
  epochs: JointEpoch[];
  bestEpoch: number;
  /** Weights of that epoch, also in place in the session. */
  best: Snapshot;
  seconds: number;
}

const PROGRESS_INTERVAL_MS = 200;
const SMOOTHING = 0.9;

/** @throws TapsError `cancelled` after saving a checkpoint, `non-finite` with the last good checkpoint kept, `dataset-invalid` */
export async function runJointTraining(options: JointLoopOptions): Promise<JointOutcome> {
  return new JointLoop(options).run();
}

/** Evaluates the task in its state in the session. Without pictures in the split: the training pictures. */
export async function evaluateTask({ session, tasks, preprocessing, control }: Pick<JointLoopOptions, 'session' | 'tasks' | 'preprocessing' | 'control'>, task: number, split: Split): Promise<Evaluation> {
  const { data, classes } = need(tasks[task]);
  const indices = data.indicesOf(split);
  return evaluateSplit({
    data,
    // A task without validation pictures is judged by those it learns from; results say how many stood behind a figure.
    indices: indices.length > 0 || split === 'test' ? indices : data.indicesOf('train'),
    preprocessing,
    batchSize: session.plan.config.batchSize,
    classes,
    logits: { ofImages: async (images) => firstColumns(await session.evaluateStep(task, images), session.classes, classes) },
    between: () => control.breathe(),
  });
}

/** [rows, width] → its first columns. */
function firstColumns(values: Float32Array, width: number, columns: number): Float32Array {
  if (width === columns) return values;
  return Float32Array.from({ length: (values.length / width) * columns }, (_, index) => values[Math.floor(index / columns) * width + (index % columns)] ?? 0);
}

class JointLoop {
  readonly #options: JointLoopOptions;
  readonly #config: TrainConfig;
  readonly #batches: TaskBatches[];
  readonly #stepsPerEpoch: number;
  #position: JointPosition;
  #best: Snapshot | null;
  #smoothedLoss: number | null = null;
  readonly #startedAt = performance.now();
  #lastProgress = 0;
  #stepsSinceStart = 0;
  readonly #saving: BackgroundSave<Checkpoint<JointPosition>>;

  constructor(options: JointLoopOptions) {
    const { session, tasks, preprocessing, start } = options;
    this.#options = options;
    this.#saving = new BackgroundSave((checkpoint) => options.save(checkpoint));
    this.#config = jointStageConfig(options.config);
    this.#batches = tasks.map(({ name, data }) => new TaskBatches(name, data, this.#config, preprocessing, session.classes));
    this.#stepsPerEpoch = jointStepsPerEpoch(this.#batches);
    this.#position = start?.position ?? { epoch: 0, step: 0, seconds: 0, epochs: [], bestEpoch: null, partial: tasks.map(emptySums) };
    this.#best = start?.best ?? null;
    if (start !== null) session.restore(start.state);
  }

  /** Ends when what it was asked to save is durable, however it ends. */
  run(): Promise<JointOutcome> {
    return this.#saving.around(() => this.#learn());
  }

  async #learn(): Promise<JointOutcome> {
    while (this.#position.epoch < this.#config.epochs && !(this.#options.control.finishing && this.#best !== null)) await this.#epoch();
    const best = this.#best;
    const { epochs, bestEpoch } = this.#position;
    if (best === null || bestEpoch === null) throw new TapsError('internal', 'No epoch was selected.', '');
    this.#options.session.restore(best);
    return { epochs, bestEpoch, best, seconds: this.#seconds() };
  }

  async #epoch(): Promise<void> {
    const { session } = this.#options;
    const { epoch } = this.#position;
    const started = performance.now();
    while (this.#position.step < this.#stepsPerEpoch) {
      await this.#step();
      await this.#betweenSteps();
    }
    const tasks: EpochMetrics[] = [];
    for (const [task, sums] of this.#position.partial.entries()) tasks.push(await this.#metrics(task, sums, started));
    const done: JointEpoch = { epoch, validationAccuracy: mean(tasks.map(({ validationAccuracy }) => validationAccuracy)), tasks };
    const incumbent = this.#position.epochs.find((other) => other.epoch === this.#position.bestEpoch);
    const better = isEligible(epoch, this.#config) && isBetter(together(done), incumbent === undefined ? undefined : together(incumbent));
    if (better || (epoch === this.#config.epochs - 1 && this.#best === null)) {
      this.#best = requireFinite(await session.weights(), this.#position);
      this.#position.bestEpoch = epoch;
    }
    this.#position = { ...this.#position, epoch: epoch + 1, step: 0, epochs: [...this.#position.epochs, done], partial: tasks.map(emptySums) };
    this.#options.onEpoch(done);
    if (this.#saving.isWorthwhile) await this.#checkpoint();
  }

  async #metrics(task: number, sums: Sums, started: number): Promise<EpochMetrics> {
    const { session } = this.#options;
    const layers = await session.layers(task);
    const validation = await evaluateTask(this.#options, task, 'validation');
    return {
      epoch: this.#position.epoch,
      trainLoss: sums.loss / Math.max(sums.images, 1),
      trainAccuracy: sums.correct / Math.max(sums.images, 1),
      validationLoss: validation.loss,
      validationAccuracy: validation.accuracy,
      openLayers: layers.filter(({ open }) => open).length,
      openBytes: await session.openBytes(task),
      learningRate: this.#hyper(this.#position.epoch * this.#stepsPerEpoch).learningRate,
      seconds: (performance.now() - started) / 1000,
      scores: layers.flatMap(({ score }) => score ?? []),
    };
  }

  #hyper(step: number): ReturnType<typeof hyperparametersAt> {
    return hyperparametersAt(this.#config, step, this.#stepsPerEpoch);
  }

  /** The micro-batches of every task, then what they share. */
  async #step(): Promise<void> {
    const { session, config } = this.#options;
    const { epoch, step, partial } = this.#position;
    const total = epoch * this.#stepsPerEpoch + step;
    const hyper = this.#hyper(total);
    const losses: number[] = [];
    for (const [task, batches] of this.#batches.entries()) {
      for (let micro = 0; micro < this.#config.accumulate; micro++) {
        const { batch, labels } = batches.at(total, micro);
        const { loss, logits } = await session.taskStep(task, batch, hyper);
        if (!Number.isFinite(loss)) {
          const { name } = need(this.#options.tasks[task]);
          throw new TapsError('non-finite', `The loss of task ${JSON.stringify(name)} became ${String(loss)} at epoch ${String(epoch + 1)}, step ${String(step + 1)}, learning rate ${hyper.learningRate.toPrecision(3)}.`, SMALLER_RATE, {
            details: { epoch, step, task: name, learningRate: hyper.learningRate },
          });
        }
        const sums = need(partial[task]);
        labels.forEach((label, row) => {
          if (argMax(logits.subarray(row * session.classes, (row + 1) * session.classes)) === label) sums.correct++;
        });
        sums.images += labels.length;
        sums.loss += loss * labels.length;
        losses.push(loss);
      }
    }
    const sharedRate = config.sharedLearningRate ?? this.#config.learningRate;
    await session.sharedStep(sharedRate === 0 ? 0 : hyperparametersAt({ ...this.#config, learningRate: sharedRate }, total, this.#stepsPerEpoch).learningRate);
    const loss = mean(losses);
    this.#smoothedLoss = this.#smoothedLoss === null ? loss : SMOOTHING * this.#smoothedLoss + (1 - SMOOTHING) * loss;
    this.#stepsSinceStart++;
    this.#position.step++;
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

  /** Begins to save where the run is. */
  async #checkpoint(): Promise<void> {
    const state = requireFinite(await this.#options.session.snapshot(), this.#position);
    await this.#saving.begin({ position: { ...this.#position, partial: this.#position.partial.map((sums) => ({ ...sums })), seconds: this.#seconds() }, state, best: this.#best });
  }

  #seconds(): number {
    return this.#position.seconds + (performance.now() - this.#startedAt) / 1000;
  }

  async #progress(): Promise<JointProgress> {
    const { session, tasks } = this.#options;
    const { epoch, step, epochs } = this.#position;
    const layers = (await Promise.all(tasks.map((_task, index) => session.layers(index)))).flat();
    const steps = this.#config.epochs * this.#stepsPerEpoch;
    const done = epoch * this.#stepsPerEpoch + step;
    const elapsed = (performance.now() - this.#startedAt) / 1000;
    return {
      epoch,
      epochs: this.#config.epochs,
      step: done,
      steps,
      loss: this.#smoothedLoss ?? 0,
      validationAccuracy: epochs.at(-1)?.validationAccuracy ?? null,
      openLayers: layers.filter(({ open }) => open).length,
      totalLayers: layers.length,
      etaSeconds: this.#stepsSinceStart < 2 ? null : ((steps - done) * elapsed) / this.#stepsSinceStart,
    };
  }
}

const emptySums = (): Sums => ({ loss: 0, correct: 0, images: 0 });

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);

/** All tasks as one, for the rule that chooses the epoch: mean accuracy and loss, bytes of all. */
function together({ tasks, validationAccuracy }: JointEpoch): EpochMetrics {
  const openBytes = tasks.reduce((sum, task) => sum + task.openBytes, 0);
  return { ...need(tasks[0]), validationAccuracy, validationLoss: mean(tasks.map(({ validationLoss }) => validationLoss)), openBytes };
}

function need<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('A joint run has no such task.');
  return value;
}
