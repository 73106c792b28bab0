/** @file How work goes on after a failure that another attempt may not meet: fewer pictures at once, or a fresh process for a lost GPU. */
import type { CompressJob } from '../contract/compression.ts';
import { TapsError } from '../contract/errors.ts';
import type { JointJob } from '../contract/joint.ts';
import type { TallJob } from '../contract/tall.ts';
import { PICTURES_AT_ONCE, type PredictJob, type PredictManyJob, type TrainJob } from '../contract/trainer-protocol.ts';
import type { Recovery, SmallerBatch } from '../contract/training.ts';
import { smallerMicroBatches, type MicroBatches } from '../core/micro-batch.ts';
import { saysOutOfMemory } from '../core/out-of-memory.ts';

const DEVICE_LOST = /device (was |is )?lost|DeviceLost|DXGI_ERROR_DEVICE/i;

/** What a failed trainer says of its attempt (trainer/recovery); a process that was ended says nothing. */
interface Attempt {
  batchSize: number;
  recoveries: Recovery[];
}

/** A run that goes on from its checkpoints. */
type Run = TrainJob | JointJob;

/**
 * @param job as it was tried
 * @returns the job to try next; its last recovery is the new one. Null when the failure is the run's last word.
 * @throws TapsError `out-of-memory` when micro-batches cannot be made smaller
 */
export function nextAttempt<J extends Run>(job: J, error: unknown): (J & { recoveries: Recovery[] }) | null {
  if (!(error instanceof TapsError)) return null;
  const asked = askedOf(job);
  const { batchSize, recoveries } = attemptOf(asked, job, error);
  const goOn = (recovery: Recovery): J & { recoveries: Recovery[] } => ({ ...job, resume: true, recoveries: [...recoveries, recovery] }) as J & { recoveries: Recovery[] };
  if (lostDevice(error)) {
    if (recoveries.some(({ reason }) => reason === 'device-lost')) return null;
    return goOn({ reason: 'device-lost', batchSize, accumulate: (asked.accumulate * asked.batchSize) / batchSize, message: firstLine(error.message) });
  }
  if (!ranOutOfMemory(error)) return null;
  const smaller = smallerMicroBatches(asked, batchSize);
  if (smaller !== null) return goOn({ reason: 'memory', ...smaller, message: firstLine(error.message) });
  throw nothingSmaller(error, 'Use a smaller --image-size, a smaller base, or a machine with more memory.');
}

/** Work that asks weights and changes none. */
export type Asking = PredictJob | PredictManyJob | CompressJob | TallJob;

/**
 * Half of the pictures at once, for work that is then done anew; what it answers does not depend on them.
 * @param job as it was tried
 * @returns null when the failure is its last word
 * @throws TapsError `out-of-memory` when there is nothing smaller than one picture at a time
 */
export function nextBatch(job: Asking, error: unknown): SmallerBatch | null {
  if (!(error instanceof TapsError) || !ranOutOfMemory(error)) return null;
  const most = 'indices' in job ? Math.max(1, job.indices.length) : Infinity;
  const tried = toldBy(error)?.batchSize ?? Math.min(job.batchSize ?? PICTURES_AT_ONCE, most);
  if (tried > 1) return { batchSize: Math.floor(tried / 2), message: firstLine(error.message) };
  throw nothingSmaller(error, 'Close other programs, or use a machine with more memory.');
}

/** Micro-batches as configured: those of a joint run are the same for every task. */
function askedOf({ config }: Run): MicroBatches {
  return 'train' in config ? config.train : config;
}

function attemptOf(asked: MicroBatches, job: Run, error: TapsError): Attempt {
  const told = toldBy(error);
  const recoveries = told?.recoveries ?? job.recoveries ?? [];
  return { batchSize: told?.batchSize ?? recoveries.at(-1)?.batchSize ?? asked.batchSize, recoveries };
}

function toldBy({ details }: TapsError): Attempt | undefined {
  return details?.['attempt'] as Attempt | undefined;
}

function nothingSmaller(error: TapsError, advice: string): TapsError {
  return new TapsError('out-of-memory', `Memory does not suffice even for one picture at a time: ${firstLine(error.message)}`, advice, { cause: error });
}

function lostDevice({ code, message, details }: TapsError): boolean {
  return (code === 'engine-failed' && details?.['deviceLost'] === true) || (code === 'child-crashed' && DEVICE_LOST.test(message));
}

/** A refusal by estimate, which has figures, has looked at smaller micro-batches itself (trainer/joint-job). */
function ranOutOfMemory({ code, message, details }: TapsError): boolean {
  if (details?.['neededBytes'] !== undefined) return false;
  return code === 'out-of-memory' || (code === 'child-crashed' && saysOutOfMemory(message));
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message;
}
