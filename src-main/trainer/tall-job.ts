/** @file TALL masks inside the trainer child: from several tasks of one base to one shared vector and a mask per task, evaluated from the files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { TallJob, TallReport, TallTask } from '../contract/tall.ts';
import type { FloatTensor } from '../contract/tensors.ts';
import { PICTURES_AT_ONCE, type TrainerEvent } from '../contract/trainer-protocol.ts';
import type { Evaluation, TaskArtifact } from '../contract/training.ts';
import { loadBase } from '../bases/load-base.ts';
import { bitAt } from '../core/bits.ts';
import { effectiveWeight } from '../core/effective-weight.ts';
import { multiTaskVector, TALL_LAMBDAS, tallMask } from '../core/tall-masks.ts';
import { openPreparedSet, type PreparedSet } from '../data/prepared-set.ts';
import { createEngine } from '../engine/index.ts';
import type { Engine } from '../engine/types.ts';
import { readSharedVector, readTallTask, writeSharedVector, writeTallTask } from '../formats/tall-files.ts';
import { decodeTaskFile } from '../formats/task-file.ts';
import { baseValue } from '../graph/base-value.ts';
import type { BaseModel } from '../graph/types.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import { createPredictor, type Predictor } from '../training/predictor.ts';
import { createSwapPredictor } from '../training/swap-predictor.ts';
import type { LoopControl } from './control.ts';
import { evaluateSplit } from './evaluate.ts';
import { failureOf } from './recovery.ts';

/**
 * The vector covers every layer that some task changes; normalisation, biases, statistics and heads stay each task's own.
 * @throws TapsError `usage` below two tasks, `base-mismatch`, `cancelled`
 */
export async function runTallJob(job: TallJob, control: LoopControl): Promise<TrainerEvent> {
  const { batchSize = PICTURES_AT_ONCE } = job;
  try {
    return await tall(job, batchSize, control);
  } catch (error) {
    throw failureOf(error, { batchSize });
  }
}

async function tall(job: TallJob, batchSize: number, control: LoopControl): Promise<TrainerEvent> {
  const started = performance.now();
  if (job.tasks.length < 2) throw new TapsError('usage', 'TALL masks share one vector among tasks; one task alone has nothing to share.', 'Name at least two tasks of one base.');
  const base = await loadBase(job.base);
  const artifacts = await Promise.all(job.tasks.map(async ({ artifactPath }) => decodeTaskFile(await readFile(artifactPath))));
  const stranger = artifacts.findIndex(({ baseId }) => baseId !== job.base.baseId);
  if (stranger >= 0) throw new TapsError('base-mismatch', `The task ${JSON.stringify(job.tasks[stranger]?.name)} was learnt on another base than the first.`, 'Name tasks of one base.');
  const layers = (artifacts[0]?.layers ?? []).map(({ name }) => name).filter((name) => artifacts.some(({ layers: own }) => own.some((layer) => layer.name === name && layer.open)));
  const taus = artifacts.map((artifact) => new Map(layers.map((name): [string, Float32Array] => [name, differenceOf(name, base, artifact)])));
  const vectors = new Map(layers.map((name): [string, FloatTensor] => [name, { shape: baseValue(base, name).shape, data: multiTaskVector(taus.map((tau) => tau.get(name) ?? new Float32Array())) }]));
  const sharedBytes = writeSharedVector(job.base.baseId, vectors);
  const sharedPath = join(job.outputFolder, 'shared.safetensors');
  await writeFileAtomic(sharedPath, sharedBytes);
  // From here on with the vector as it is read back.
  const shared = readSharedVector(sharedBytes);
  const engine = await createEngine(job.engine, { threads: job.threads });
  try {
    const tasks: TallTask[] = [];
    for (const [position, { name, preparedFolder }] of job.tasks.entries()) {
      const artifact = artifacts[position];
      const tau = taus[position];
      if (artifact === undefined || tau === undefined) throw new Error('One artefact per task.');
      const run = new TallRun({ base, engine, control, batchSize, data: openPreparedSet(preparedFolder), artifact, shared });
      const { bytes, ...chosen } = await run.choose(tau);
      const path = join(job.outputFolder, `task-${String(position)}.safetensors`);
      await writeFileAtomic(path, bytes);
      tasks.push({ name, path, bytes: bytes.length, ...chosen });
    }
    const parameters = [...shared.values()].reduce((sum, { data }) => sum + data.length, 0);
    const report: TallReport = { sharedPath, sharedBytes: sharedBytes.length, parameters, tasks, seconds: (performance.now() - started) / 1000 };
    return { kind: 'tall', report };
  } finally {
    engine.dispose();
  }
}

/** τ of one weight, whatever the task stores for it; zeros where it changes nothing. */
function differenceOf(name: string, base: BaseModel, artifact: TaskArtifact): Float32Array {
  const own = baseValue(base, name);
  const { data } = effectiveWeight(name, own, artifact);
  return data.map((value, index) => value - (own.data[index] ?? 0));
}

interface TallRunOptions {
  /** Pictures that are evaluated at once. */
  batchSize: number;
  base: BaseModel;
  engine: Engine;
  control: LoopControl;
  data: PreparedSet;
  artifact: TaskArtifact;
  shared: ReadonlyMap<string, FloatTensor>;
}

/** One task with the shared vector. */
class TallRun {
  readonly #options: TallRunOptions;
  readonly #own: TaskArtifact;

  constructor(options: TallRunOptions) {
    this.#options = options;
    this.#own = ownPart(options.artifact, options.base);
  }

  async choose(tau: ReadonlyMap<string, Float32Array>): Promise<Omit<TallTask, 'name' | 'path' | 'bytes'> & { bytes: Uint8Array }> {
    const { base, engine, artifact, data, shared, batchSize } = this.#options;
    const validation = data.indicesOf('validation');
    const indices = validation.length > 0 ? validation : data.indicesOf('train');
    const predictor = await createSwapPredictor({ engine, base, artifact, batchSize });
    let best: { lambda: number; accuracy: number; bytes: Uint8Array; density: number } | null = null;
    let validationBefore: Evaluation;
    try {
      validationBefore = await this.#evaluate(predictor, indices);
      for (const lambda of TALL_LAMBDAS) {
        const masks = new Map([...shared].map(([name, vector]): [string, Uint8Array] => [name, tallMask(tau.get(name) ?? new Float32Array(), vector.data, lambda)]));
        const bytes = writeTallTask(this.#own, masks);
        predictor.load(readTallTask(bytes, shared));
        const { accuracy } = await this.#evaluate(predictor, indices);
        if (best === null || accuracy >= best.accuracy) best = { lambda, accuracy, bytes, density: densityOf(masks, shared) };
      }
    } finally {
      predictor.dispose();
    }
    if (best === null) throw new Error('There is at least one λ.');
    const final = await createPredictor({ engine, base, artifact: readTallTask(best.bytes, shared), batchSize });
    try {
      return { lambda: best.lambda, density: best.density, bytes: best.bytes, validationBefore, validation: await this.#evaluate(final, indices), test: await this.#evaluate(final, data.indicesOf('test')) };
    } finally {
      final.dispose();
    }
  }

  #evaluate(predictor: Predictor, indices: readonly number[]): Promise<Evaluation> {
    const { data, artifact: { preprocessing }, control, batchSize } = this.#options;
    const between = async (): Promise<void> => {
      await control.breathe();
      if (control.cancelled) throw new TapsError('cancelled', 'Making the masks was cancelled.', 'Start it again when you are ready.');
    };
    return evaluateSplit({ data, indices, preprocessing, batchSize, classes: predictor.classes, logits: { ofImages: (images) => predictor.logits(images) }, between });
  }
}

/** Everything but the layers; small parameters as differences from the base, which float16 holds best. */
function ownPart(artifact: TaskArtifact, base: BaseModel): TaskArtifact {
  const layers = new Set(artifact.layers.map(({ name }) => name));
  const others = [...artifact.replaced].filter(([name]) => !layers.has(name));
  const kept = others.filter(([, { data }]) => data.length === 1);
  const differences = others.filter(([, { data }]) => data.length > 1).map(([name, value]): [string, FloatTensor] => {
    const own = baseValue(base, name).data;
    return [name, { shape: value.shape, data: value.data.map((number, index) => number - (own[index] ?? 0)) }];
  });
  const stored = [...artifact.deltas].filter(([name]) => !layers.has(name));
  return { ...artifact, layers: artifact.layers.map((layer) => ({ ...layer, open: false })), deltas: new Map([...stored, ...differences]), replaced: new Map(kept), transforms: new Map() };
}

function densityOf(masks: ReadonlyMap<string, Uint8Array>, shared: ReadonlyMap<string, FloatTensor>): number {
  let ones = 0;
  let all = 0;
  for (const [name, bits] of masks) {
    const count = shared.get(name)?.data.length ?? 0;
    for (let index = 0; index < count; index++) if (bitAt(bits, index)) ones++;
    all += count;
  }
  return all === 0 ? 0 : ones / all;
}
