/** @file One joint run inside the trainer child: from files to a derived base and, in the exact variant, to finished task files. */
import { totalmem } from 'node:os';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBase } from '../bases/load-base.ts';
import { TapsError } from '../contract/errors.ts';
import type { JointConfig, JointJob, JointMemory, JointTaskResult } from '../contract/joint.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { TrainerEvent } from '../contract/trainer-protocol.ts';
import type { Recovery } from '../contract/training.ts';
import { smallerMicroBatches, type MicroBatches } from '../core/micro-batch.ts';
import { openPreparedSet } from '../data/prepared-set.ts';
import { createEngine } from '../engine/index.ts';
import { encodeTaskFile } from '../formats/task-file.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import { makeJointPlan, type JointPlan } from '../training/joint/joint-plan.ts';
import { JointSession, jointStageConfig } from '../training/joint/joint-session.ts';
import { estimateJointMemory } from '../training/joint/memory.ts';
import { loadCheckpoint, saveCheckpoint, type Checkpoint, type Snapshot } from './checkpoint.ts';
import type { LoopControl } from './control.ts';
import { writeDerivedBase } from './joint-base.ts';
import { evaluateTask, runJointTraining, type JointPosition } from './joint-loop.ts';
import { afterRecoveries, failureOf } from './recovery.ts';

/** The owner ends a child above this share of the machine's memory. */
const LARGEST_SHARE = 0.85;
const KEPT_PICTURES_BYTES = 1_000_000_000;

/**
 * Sends every event but the last word (`joint-done`, `cancelled`, `failed`) itself. The last checkpoint stays: whoever stores what was
 * learnt removes the folder, and an owner that dies before can ask again.
 */
export async function runJointJob(job: JointJob, control: LoopControl, send: (event: TrainerEvent) => void, availableBytes = availableMemory()): Promise<TrainerEvent> {
  const identity = { config: job.config, baseId: job.base.baseId, tasks: job.tasks.map(({ classNames, datasetHash }) => ({ classNames, datasetHash })) };
  const start = job.resume ? await loadCheckpoint<JointPosition>(job.runFolder, identity) : null;
  const recoveries = [...(job.recoveries ?? start?.position.recoveries ?? [])];
  try {
    return await learn(job, { identity, start, recoveries }, control, send, availableBytes);
  } catch (error) {
    throw failureOf(error, withMicroBatches(job.config, recoveries).train, recoveries);
  }
}

interface Beginning {
  /** What the run must agree on to be continued: everything as it was asked for. */
  identity: object;
  start: (Checkpoint<JointPosition> & { number: number }) | null;
  /** Grows where the estimate says that the micro-batches have no room. */
  recoveries: Recovery[];
}

function withMicroBatches(config: JointConfig, recoveries: readonly Recovery[]): JointConfig {
  return { ...config, train: afterRecoveries(config.train, recoveries) };
}

async function learn(job: JointJob, { identity, start, recoveries }: Beginning, control: LoopControl, send: (event: TrainerEvent) => void, availableBytes: number): Promise<TrainerEvent> {
  const { runFolder } = job;
  send({ kind: 'stage', stage: 'loading' });
  await mkdir(runFolder, { recursive: true });
  const base = await loadBase(job.base);
  const stage = jointStageConfig(job.config);
  const preprocessing: Preprocessing = { ...job.preprocessing, imageSize: stage.imageSize ?? job.preprocessing.imageSize };
  const engine = await createEngine(stage.engine, { threads: stage.threads });
  const classes = job.tasks.map(({ classNames }) => classNames.length);
  const planFor = (micro: MicroBatches): JointPlan => makeJointPlan(base, { ...stage, ...micro }, job.config.variant, classes);
  const { memory, lacking } = roomFor(planFor, afterRecoveries(stage, recoveries), stage, preprocessing.imageSize, availableBytes);
  if (lacking !== null) {
    recoveries.push(lacking);
    send({ kind: 'recovery', recovery: lacking });
  }
  const config = withMicroBatches(job.config, recoveries);
  send({ kind: 'joint-memory', memory });
  const tasks = job.tasks.map(({ name, preparedFolder }, task) => ({ name, data: openPreparedSet(preparedFolder, { keptBytes: KEPT_PICTURES_BYTES / job.tasks.length }), classes: classes[task] ?? 0 }));
  send({ kind: 'stage', stage: 'compiling' });
  const session = await JointSession.create({ engine, base, config, classes, imageSize: preprocessing.imageSize });
  try {
    let number = start?.number ?? 0;
    for (const epoch of start?.position.epochs ?? []) send({ kind: 'joint-epoch', epoch });
    send({ kind: 'stage', stage: 'training' });
    const { epochs, bestEpoch, best, seconds } = await runJointTraining({
      session,
      tasks,
      config,
      preprocessing,
      control,
      start,
      async save({ position, ...state }) {
        const checkpoint = { ...state, position: { ...position, ...(recoveries.length === 0 ? {} : { recoveries }) } };
        const path = await saveCheckpoint(runFolder, ++number, identity, checkpoint);
        send({ kind: 'checkpoint', path, epoch: checkpoint.position.epoch, step: checkpoint.position.step });
      },
      onProgress: (progress) => {
        send({ kind: 'joint-progress', progress });
      },
      onEpoch: (epoch) => {
        send({ kind: 'joint-epoch', epoch });
      },
    });
    send({ kind: 'stage', stage: 'evaluating' });
    const evaluations = [];
    for (const task of tasks.keys()) {
      const within = { session, tasks, preprocessing, control };
      const validation = await evaluateTask(within, task, 'validation');
      evaluations.push({ validation, test: config.variant === 'exact' ? await evaluateTask(within, task, 'test') : null });
    }
    send({ kind: 'stage', stage: 'saving' });
    const { baseId, graphPath, weightsPath } = await writeDerivedBase(runFolder, base, session.baseValues(best));
    const results: JointTaskResult[] = [];
    for (const [task, { classNames }] of job.tasks.entries()) {
      const artifactPath = config.variant === 'exact' ? await writeTask(runFolder, session, task, best, { baseId, classNames, preprocessing }) : null;
      results.push({ validation: evaluations[task]?.validation ?? missing(), test: evaluations[task]?.test ?? null, artifactPath });
    }
    return { kind: 'joint-done', result: { epochs, bestEpoch, tasks: results, seconds, engine: engine.description, memory, graphPath, weightsPath, ...(recoveries.length === 0 ? {} : { recoveries }) } };
  } finally {
    session.dispose();
    engine.dispose();
  }
}

async function writeTask(folder: string, session: JointSession, task: number, best: Snapshot, about: { baseId: string; classNames: string[]; preprocessing: Preprocessing }): Promise<string> {
  const path = join(folder, `task-${String(task)}.safetensors`);
  await writeFileAtomic(path, encodeTaskFile(session.artifactOf(task, best, about)));
  return path;
}

/** Free memory of the machine or of the group this process lives in, as far as its owner lets a child grow. */
function availableMemory(): number {
  return Math.min(process.availableMemory(), LARGEST_SHARE * totalmem() - process.memoryUsage.rss());
}

/**
 * What training will take with the given micro-batches, or, where that cannot fit, with the largest smaller ones that can.
 * @param asked as configured
 * @returns `lacking` says what was changed; null where the given ones fit
 * @throws TapsError `out-of-memory` in words when none can, before anything is allocated
 */
function roomFor(planFor: (micro: MicroBatches) => JointPlan, { batchSize, accumulate }: MicroBatches, asked: MicroBatches, imageSize: number, availableBytes: number): { memory: JointMemory; lacking: Recovery | null } {
  const plan = planFor({ batchSize, accumulate });
  const memory = memoryOf(plan, imageSize, availableBytes);
  if (fits(memory)) return { memory, lacking: null };
  const refused = refusal(plan, memory);
  for (let micro = smallerMicroBatches(asked, batchSize); micro !== null; micro = smallerMicroBatches(asked, micro.batchSize)) {
    const smaller = memoryOf(planFor(micro), imageSize, availableBytes);
    if (fits(smaller)) return { memory: smaller, lacking: { reason: 'memory', ...micro, message: refused.message } };
  }
  throw refused;
}

function memoryOf(plan: JointPlan, imageSize: number, availableBytes: number): JointMemory {
  const { bytes, bytesPerTask } = estimateJointMemory(plan, { batchSize: plan.config.batchSize, imageSize });
  return { neededBytes: Math.round(bytes), availableBytes: Math.round(availableBytes), bytesPerTask };
}

function fits({ neededBytes, availableBytes }: JointMemory): boolean {
  return neededBytes <= availableBytes;
}

function refusal(plan: JointPlan, { neededBytes, availableBytes, bytesPerTask }: JointMemory): TapsError {
  const megabytes = (value: number): string => `${(value / 1e6).toFixed(0)} MB`;
  const fewer = Math.floor((availableBytes - neededBytes) / bytesPerTask) + plan.tasks.length;
  const advice = plan.variant === 'two-stage' ? 'Use a smaller --image-size.' : `Use --variant two-stage, whose memory does not grow with the tasks${fewer >= 2 ? `, at most ${String(fewer)} tasks` : ''}, or a smaller --image-size.`;
  return new TapsError('out-of-memory', `Learning ${String(plan.tasks.length)} tasks jointly (${plan.variant}) takes about ${megabytes(neededBytes)}, ${megabytes(bytesPerTask)} of it for every task, and ${megabytes(Math.max(0, availableBytes))} are free.`, advice, {
    details: { neededBytes, availableBytes, bytesPerTask },
  });
}

function missing(): never {
  throw new Error('A task was not evaluated.');
}
