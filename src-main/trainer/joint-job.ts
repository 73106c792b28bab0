/** @file One joint run inside the trainer child: from files to a derived base and, in the exact variant, to finished task files. */
import { totalmem } from 'node:os';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBase } from '../bases/load-base.ts';
import { TapsError } from '../contract/errors.ts';
import type { JointJob, JointMemory, JointTaskResult } from '../contract/joint.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { TrainerEvent } from '../contract/trainer-protocol.ts';
import { openPreparedSet } from '../data/prepared-set.ts';
import { createEngine } from '../engine/index.ts';
import { encodeTaskFile } from '../formats/task-file.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import { makeJointPlan, type JointPlan } from '../training/joint/joint-plan.ts';
import { JointSession, jointStageConfig } from '../training/joint/joint-session.ts';
import { estimateJointMemory } from '../training/joint/memory.ts';
import { loadCheckpoint, saveCheckpoint, type Snapshot } from './checkpoint.ts';
import type { LoopControl } from './control.ts';
import { writeDerivedBase } from './joint-base.ts';
import { evaluateTask, runJointTraining, type JointPosition } from './joint-loop.ts';

/** The owner ends a child above this share of the machine's memory. */
const LARGEST_SHARE = 0.85;
const KEPT_PICTURES_BYTES = 1_000_000_000;

/**
 * Sends every event but the last word (`joint-done`, `cancelled`, `failed`) itself. The last checkpoint stays: whoever stores what was
 * learnt removes the folder, and an owner that dies before can ask again.
 */
export async function runJointJob(job: JointJob, control: LoopControl, send: (event: TrainerEvent) => void, availableBytes = availableMemory()): Promise<TrainerEvent> {
  const { config, runFolder } = job;
  send({ kind: 'stage', stage: 'loading' });
  await mkdir(runFolder, { recursive: true });
  const base = await loadBase(job.base);
  const stage = jointStageConfig(config);
  const preprocessing: Preprocessing = { ...job.preprocessing, imageSize: stage.imageSize ?? job.preprocessing.imageSize };
  const engine = await createEngine(stage.engine, { threads: stage.threads });
  const classes = job.tasks.map(({ classNames }) => classNames.length);
  const memory = requireMemory(makeJointPlan(base, stage, config.variant, classes), preprocessing.imageSize, availableBytes);
  send({ kind: 'joint-memory', memory });
  const tasks = job.tasks.map(({ name, preparedFolder }, task) => ({ name, data: openPreparedSet(preparedFolder, { keptBytes: KEPT_PICTURES_BYTES / job.tasks.length }), classes: classes[task] ?? 0 }));
  send({ kind: 'stage', stage: 'compiling' });
  const session = await JointSession.create({ engine, base, config, classes, imageSize: preprocessing.imageSize });
  try {
    const identity = { config, baseId: job.base.baseId, tasks: job.tasks.map(({ classNames, datasetHash }) => ({ classNames, datasetHash })) };
    const start = job.resume ? await loadCheckpoint<JointPosition>(runFolder, identity) : null;
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
      async save(checkpoint) {
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
    return { kind: 'joint-done', result: { epochs, bestEpoch, tasks: results, seconds, engine: engine.description, memory, graphPath, weightsPath } };
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

/** @throws TapsError `out-of-memory` in words, before anything is allocated */
function requireMemory(plan: JointPlan, imageSize: number, availableBytes: number): JointMemory {
  const { bytes, bytesPerTask } = estimateJointMemory(plan, { batchSize: plan.config.batchSize, imageSize });
  if (bytes > availableBytes) {
    const megabytes = (value: number): string => `${(value / 1e6).toFixed(0)} MB`;
    const fewer = Math.floor((availableBytes - bytes) / bytesPerTask) + plan.tasks.length;
    const advice = plan.variant === 'two-stage' ? 'Use a smaller --batch or --image-size.' : `Use --variant two-stage, whose memory does not grow with the tasks${fewer >= 2 ? `, at most ${String(fewer)} tasks` : ''}, or a smaller --batch or --image-size.`;
    throw new TapsError('out-of-memory', `Learning ${String(plan.tasks.length)} tasks jointly (${plan.variant}) takes about ${megabytes(bytes)}, ${megabytes(bytesPerTask)} of it for every task, and ${megabytes(Math.max(0, availableBytes))} are free.`, advice, {
      details: { neededBytes: bytes, availableBytes, bytesPerTask },
    });
  }
  return { neededBytes: Math.round(bytes), availableBytes: Math.round(availableBytes), bytesPerTask };
}

function missing(): never {
  throw new Error('A task was not evaluated.');
}
