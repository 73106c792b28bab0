/** @file One training run inside the trainer child: from files to a finished task file. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { TrainerEvent, TrainJob } from '../contract/trainer-protocol.ts';
import type { Recovery } from '../contract/training.ts';
import { openPreparedSet } from '../data/prepared-set.ts';
import { createEngine } from '../engine/index.ts';
import { encodeTaskFile } from '../formats/task-file.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import { loadCheckpoint, removeCheckpoints, saveCheckpoint, type Checkpoint } from './checkpoint.ts';
import type { LoopControl } from './control.ts';
import { startHead } from './head-start.ts';
import { runTraining, stepsPerEpochOf } from './loop.ts';
import { makeRegime } from './make-regime.ts';
import { PictureInputs } from './picture-inputs.ts';
import { afterRecoveries, failureOf } from './recovery.ts';
import { createTrainingSession } from '../training/session.ts';
import { loadBase } from '../bases/load-base.ts';

/** Sends every event but the last word (`done`, `cancelled`, `failed`) itself. */
export async function runTrainJob(job: TrainJob, control: LoopControl, send: (event: TrainerEvent) => void): Promise<TrainerEvent> {
  const identity = { config: job.config, baseId: job.base.baseId, datasetHash: job.datasetHash };
  const start = job.resume ? await loadCheckpoint(job.runFolder, identity) : null;
  const recoveries = job.recoveries ?? start?.position.recoveries ?? [];
  const config = afterRecoveries(job.config, recoveries);
  try {
    const done = await learn({ ...job, config }, { identity, start, recoveries }, control, send);
    return recoveries.length === 0 ? done : { ...done, result: { ...done.result, recoveries } };
  } catch (error) {
    throw failureOf(error, config, recoveries);
  }
}

interface Beginning {
  /** What the run must agree on to be continued: the configuration as it was asked for. */
  identity: object;
  start: (Checkpoint & { number: number }) | null;
  recoveries: Recovery[];
}

type Done = Extract<TrainerEvent, { kind: 'done' }>;

async function learn(job: TrainJob, { identity, start, recoveries }: Beginning, control: LoopControl, send: (event: TrainerEvent) => void): Promise<Done> {
  const { config, runFolder } = job;
  const levelPath = (level: number): string => join(runFolder, `level-${String(level).padStart(2, '0')}.safetensors`);
  send({ kind: 'stage', stage: 'loading' });
  await mkdir(runFolder, { recursive: true });
  const base = await loadBase(job.base);
  const data = openPreparedSet(job.preparedFolder);
  const engine = await createEngine(config.engine, { threads: config.threads === 0 ? (job.threads ?? 0) : config.threads });
  const preprocessing: Preprocessing = { ...job.preprocessing, imageSize: config.imageSize ?? job.preprocessing.imageSize };
  send({ kind: 'stage', stage: 'compiling' });
  const session = await createTrainingSession({ engine, base, baseId: job.base.baseId, config, classNames: job.classNames, preprocessing });
  const inputs = new PictureInputs({ session, data, config, preprocessing, cachePath: join(runFolder, 'activations.cache') });
  try {
    let number = start?.number ?? 0;
    const { regime, report } = await makeRegime({ config, base, session, stepsPerEpoch: stepsPerEpochOf(data, config), memory: start?.position.regime ?? null });
    for (const metrics of start?.position.epochs ?? []) send({ kind: 'epoch', metrics });
    send({ kind: 'stage', stage: 'training' });
    if (config.headStart && start === null) await startHead({ session, data, config, inputs, control });
    const { result, best } = await runTraining({
      session,
      data,
      config,
      regime,
      preprocessing,
      inputs,
      control,
      start,
      engine: engine.description,
      async save({ position, ...state }) {
        const checkpoint: Checkpoint = { ...state, position: { ...position, ...(recoveries.length === 0 ? {} : { recoveries }) } };
        const path = await saveCheckpoint(runFolder, ++number, identity, checkpoint);
        send({ kind: 'checkpoint', path, epoch: checkpoint.position.epoch, step: checkpoint.position.step });
      },
      async saveLevel(level, kept) {
        const bytes = encodeTaskFile(session.artifactOf(kept));
        await writeFileAtomic(levelPath(level), bytes);
        return bytes.length;
      },
      onEvaluation: () => {
        send({ kind: 'stage', stage: 'evaluating' });
      },
      onProgress: (progress) => {
        send({ kind: 'progress', progress });
      },
      onEpoch: (metrics) => {
        send({ kind: 'epoch', metrics });
      },
    });
    send({ kind: 'stage', stage: 'saving' });
    if (best === null) {
      await removeCheckpoints(runFolder);
      return { kind: 'done', artifactPath: levelPath(result.chosenLevel ?? 0), result, levelPaths: (result.levels ?? []).map(({ level }) => levelPath(level)) };
    }
    const artifact = session.artifactOf(best);
    const artifactPath = join(runFolder, 'task.safetensors');
    await writeFileAtomic(artifactPath, encodeTaskFile(artifact));
    await removeCheckpoints(runFolder);
    return { kind: 'done', artifactPath, result: { ...result, ...report(artifact.layers) } };
  } finally {
    inputs.dispose();
    session.dispose();
    engine.dispose();
  }
}
