/** @file The trainer child: one job at a time, told and watched by its owner through contract/trainer-protocol. */
import { envelopeOf, TapsError } from '../contract/errors.ts';
import type { TrainerEvent, TrainerRequest } from '../contract/trainer-protocol.ts';
import { describeEngines } from '../engine/index.ts';
import { openChildPort } from '../supervisor/child-port.ts';
import { runCompressJob } from './compress/compress-job.ts';
import { LoopControl } from './control.ts';
import { runJointJob } from './joint-job.ts';
import { runPredictJob, runPredictManyJob } from './predict-job.ts';
import { Predictors } from './predictors.ts';
import { runTallJob } from './tall-job.ts';
import { runTrainJob } from './train-job.ts';

const HEARTBEAT_MS = 1_000;

const port = openChildPort();
const send = (event: TrainerEvent): void => {
  port.send(event);
};
const control = new LoopControl((paused) => {
  send({ kind: paused ? 'paused' : 'resumed' });
});
/** A trainer may be asked for many predictions, and for other work between them. */
const predictors = new Predictors();
let busy = false;
let exitCode = 0;

async function work(job: () => Promise<TrainerEvent>): Promise<void> {
  if (busy) {
    send({ kind: 'failed', error: envelopeOf(new TapsError('child-protocol', 'The trainer has a job already.', 'Wait for it or cancel it.')) });
    return;
  }
  busy = true;
  try {
    send(await job());
  } catch (error) {
    if (error instanceof TapsError && error.code === 'cancelled') send({ kind: 'cancelled', checkpointPath: null });
    else send({ kind: 'failed', error: envelopeOf(error) });
  } finally {
    busy = false;
    if (exitCode !== 0) process.exit(exitCode);
  }
}

port.onMessage((message) => {
  const request = message as TrainerRequest;
  switch (request.kind) {
    case 'train':
      void work(() => runTrainJob(request.job, control, send));
      break;
    case 'predict':
      void work(() => runPredictJob(request.job, predictors));
      break;
    case 'predict-many':
      void work(() => runPredictManyJob(request.job, predictors));
      break;
    case 'joint':
      void work(() => runJointJob(request.job, control, send));
      break;
    case 'compress':
      void work(() => runCompressJob(request.job, control, send));
      break;
    case 'tall':
      void work(() => runTallJob(request.job, control));
      break;
    case 'doctor':
      void work(async () => ({ kind: 'doctor', engines: await describeEngines() }));
      break;
    case 'pause':
      control.pause();
      break;
    case 'resume':
      control.resume();
      break;
    case 'finish':
      control.finish();
      break;
    case 'cancel':
      control.cancel();
      break;
  }
});

/** Ends after a checkpoint when a job runs, at once otherwise. */
function endGracefully(code: number): void {
  exitCode = code;
  if (busy) control.cancel();
  else process.exit(code);
}
process.on('SIGTERM', () => {
  endGracefully(143);
});
// Ctrl-C reaches the whole process group; the owner decides what it means.
process.on('SIGINT', () => undefined);
port.onClose(() => {
  endGracefully(1);
});

setInterval(() => {
  send({ kind: 'heartbeat', residentBytes: process.memoryUsage.rss() });
}, HEARTBEAT_MS);
send({ kind: 'ready', pid: process.pid });
