/**
 * @file What a trainer child keeps between predictions: the base, one network that every task of it can use, tasks made ready.
 *
 * [Note: Few pictures] For few pictures weights are fed to a network that is there at once; for many the runtime is given the weights
 * to prepare. On a ResNet-50 at 224 × 224, two cores: ready in 0.1 s and 0.29 s a picture against ready in 0.8 s and 0.15 to 0.24 s
 * a picture, so the second is worth it from about six pictures on. Only the first is kept: it holds no weights of its own.
 */
import { readFile } from 'node:fs/promises';
import { loadBase } from '../bases/load-base.ts';
import { TapsError } from '../contract/errors.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import { PICTURES_AT_ONCE, type BaseFiles, type PredictJob } from '../contract/trainer-protocol.ts';
import type { TaskArtifact } from '../contract/training.ts';
import { createEngine } from '../engine/index.ts';
import type { Engine } from '../engine/types.ts';
import { decodeTaskFile } from '../formats/task-file.ts';
import type { NamedArtifact } from '../graph/merge/combine-tasks.ts';
import type { BaseModel } from '../graph/types.ts';
import { createPredictor, type Predictor } from '../training/predictor.ts';
import { createSharedPredictor, type SharedPredictor } from '../training/shared-predictor.ts';
import { createTaskSwitcher, readyTask, type ReadyTask, type TaskSwitcher } from '../training/task-switcher.ts';

/** See [Note: Few pictures]. */
export const FEW_PICTURES = 6;
/** Networks of several image sizes: each keeps the runtime's working memory. */
const KEPT_SIZES = 2;
const KEPT_TASK_BYTES = 512 * 2 ** 20;

export interface TaskFile {
  name: string;
  /** Content-addressed: another content has another path. */
  artifactPath: string;
}

/** Which base, computed by what, and how many pictures at once. */
export type Setting = Pick<PredictJob, 'base' | 'engine' | 'threads' | 'batchSize'>;

interface Loaded {
  key: string;
  model: BaseModel;
  files: BaseFiles;
  engine: Engine;
}

export class Predictors {
  readonly #keptTaskBytes: number;
  #loaded: Loaded | null = null;
  /** By image size, last used last. */
  readonly #switchers = new Map<number, TaskSwitcher>();
  /** By path, last used last. */
  readonly #tasks = new Map<string, ReadyTask>();
  #shared: { key: string; predictor: SharedPredictor; preprocessing: Preprocessing } | null = null;

  /** @param keptTaskBytes memory for the weights of tasks that are not in use */
  constructor({ keptTaskBytes = KEPT_TASK_BYTES } = {}) {
    this.#keptTaskBytes = keptTaskBytes;
  }

  /** Memory of the tasks that are kept ready. */
  get taskBytes(): number {
    return [...this.#tasks.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async #load(setting: Setting): Promise<Loaded> {
    const key = JSON.stringify([setting.base.baseId, setting.base.weightsPath, setting.engine, setting.threads]);
    if (this.#loaded?.key === key) return this.#loaded;
    this.dispose();
    const model = await loadBase(setting.base);
    this.#loaded = { key, model, files: setting.base, engine: await createEngine(setting.engine, { threads: setting.threads }) };
    return this.#loaded;
  }

  /**
   * A predictor of one task for so many pictures. The caller disposes it after use, before it asks for another one.
   * @throws TapsError `base-mismatch`, `model-malformed`, `engine-unavailable`, …
   */
  async single(setting: Setting, artifactPath: string, pictures: number): Promise<Predictor & Pick<ReadyTask, 'preprocessing'> & { batchSize: number }> {
    const { model, files, engine } = await this.#load(setting);
    if (pictures > FEW_PICTURES) {
      const artifact = await readTask(artifactPath, files);
      const batchSize = batchFor(setting, pictures);
      return { ...(await createPredictor({ engine, base: model, artifact, batchSize })), batchSize, preprocessing: artifact.preprocessing };
    }
    const task = await this.#task(artifactPath, model, files);
    const { imageSize } = task.preprocessing;
    const switcher = await this.#switcher(engine, model, imageSize);
    switcher.use(task);
    return { imageSize, classes: task.classes, batchSize: 1, preprocessing: task.preprocessing, logits: (images) => switcher.logits(images), dispose: () => undefined };
  }

  /**
   * A predictor of several tasks that want their pictures prepared alike. The caller disposes it after use, before it asks for another one.
   * @throws TapsError as `single`; `invalid-config` for tasks that do not go together
   */
  async shared(setting: Setting, tasks: readonly TaskFile[], pictures: number): Promise<SharedPredictor & Pick<ReadyTask, 'preprocessing'> & { batchSize: number }> {
    const { model, files, engine } = await this.#load(setting);
    const few = pictures <= FEW_PICTURES;
    const key = JSON.stringify(tasks.map(({ name, artifactPath }) => [name, artifactPath]));
    if (few && this.#shared?.key === key) return { ...this.#shared, ...this.#shared.predictor, batchSize: 1, dispose: () => undefined };
    const artifacts: NamedArtifact[] = [];
    for (const { name, artifactPath } of tasks) artifacts.push({ name, artifact: await readTask(artifactPath, files) });
    const [first] = artifacts;
    if (first === undefined) throw new TapsError('invalid-config', 'No task was named.', 'Name at least one task.');
    const { preprocessing } = first.artifact;
    const batchSize = batchFor(setting, pictures);
    this.#shared?.predictor.dispose();
    this.#shared = null;
    const predictor = await createSharedPredictor({ engine, base: model, tasks: artifacts, batchSize, weights: few ? 'fed' : 'constants' });
    if (!few) return { ...predictor, batchSize, preprocessing };
    this.#shared = { key, predictor, preprocessing };
    return { ...predictor, batchSize, preprocessing, dispose: () => undefined };
  }

  async #task(path: string, base: BaseModel, files: BaseFiles): Promise<ReadyTask> {
    const task = this.#tasks.get(path) ?? readyTask(base, await readTask(path, files));
    this.#tasks.delete(path);
    this.#tasks.set(path, task);
    // The one in use stays, however large it is.
    for (const [oldest] of this.#tasks) {
      if (this.#tasks.size <= 1 || this.taskBytes <= this.#keptTaskBytes) break;
      this.#tasks.delete(oldest);
    }
    return task;
  }

  async #switcher(engine: Engine, base: BaseModel, imageSize: number): Promise<TaskSwitcher> {
    const switcher = this.#switchers.get(imageSize) ?? (await createTaskSwitcher({ engine, base, imageSize, batchSize: 1 }));
    this.#switchers.delete(imageSize);
    this.#switchers.set(imageSize, switcher);
    const [oldest] = this.#switchers;
    if (oldest !== undefined && this.#switchers.size > KEPT_SIZES) {
      oldest[1].dispose();
      this.#switchers.delete(oldest[0]);
    }
    return switcher;
  }

  /** Frees everything; it can be used again afterwards. */
  dispose(): void {
    for (const switcher of this.#switchers.values()) switcher.dispose();
    this.#switchers.clear();
    this.#tasks.clear();
    this.#shared?.predictor.dispose();
    this.#shared = null;
    this.#loaded?.engine.dispose();
    this.#loaded = null;
  }
}

/** Pictures at once, for so many in all. */
export function batchFor({ batchSize = PICTURES_AT_ONCE }: Pick<Setting, 'batchSize'>, pictures: number): number {
  return pictures <= FEW_PICTURES ? 1 : Math.min(batchSize, pictures);
}

async function readTask(path: string, base: BaseFiles): Promise<TaskArtifact> {
  const artifact = decodeTaskFile(await readFile(path));
  if (artifact.baseId !== base.baseId) {
    throw new TapsError('base-mismatch', `The task was learnt on the base ${artifact.baseId.slice(0, 12)}…, not on ${base.baseId.slice(0, 12)}….`, 'Import the base that the task was learnt on.');
  }
  return artifact;
}
