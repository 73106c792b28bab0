/** @file How a run goes on after a failure that another attempt may not meet: smaller micro-batches, or a fresh process for a lost GPU. */
import { TapsError } from '../contract/errors.ts';
import type { TrainJob } from '../contract/trainer-protocol.ts';
import type { Recovery } from '../contract/training.ts';
import { smallerMicroBatches } from '../core/micro-batch.ts';
import { saysOutOfMemory } from '../core/out-of-memory.ts';

const DEVICE_LOST = /device (was |is )?lost|DeviceLost|DXGI_ERROR_DEVICE/i;

/** What a failed trainer says of its attempt (trainer/recovery); a process that was ended says nothing. */
interface Attempt {
  batchSize: number;
  recoveries: Recovery[];
}

/**
 * @param job as it was tried
 * @returns the job to try next; its last recovery is the new one. Null when the failure is the run's last word.
 * @throws TapsError `out-of-memory` when micro-batches cannot be made smaller
 */
export function nextAttempt(job: TrainJob, error: unknown): (TrainJob & { recoveries: Recovery[] }) | null {
  if (!(error instanceof TapsError)) return null;
  const { batchSize, recoveries } = attemptOf(job, error);
  const goOn = (recovery: Recovery): TrainJob & { recoveries: Recovery[] } => ({ ...job, resume: true, recoveries: [...recoveries, recovery] });
  if (lostDevice(error)) {
    if (recoveries.some(({ reason }) => reason === 'device-lost')) return null;
    return goOn({ reason: 'device-lost', batchSize, accumulate: (job.config.accumulate * job.config.batchSize) / batchSize, message: firstLine(error.message) });
  }
  if (!ranOutOfMemory(error)) return null;
  const smaller = smallerMicroBatches(job.config, batchSize);
  if (smaller !== null) return goOn({ reason: 'memory', ...smaller, message: firstLine(error.message) });
  throw new TapsError('out-of-memory', `Memory does not suffice even for one picture at a time: ${firstLine(error.message)}`, 'Use a smaller --image-size, a smaller base, or a machine with more memory.', { cause: error });
}

function attemptOf(job: TrainJob, { details }: TapsError): Attempt {
  const told = details?.['attempt'] as Attempt | undefined;
  const recoveries = told?.recoveries ?? job.recoveries ?? [];
  return { batchSize: told?.batchSize ?? recoveries.at(-1)?.batchSize ?? job.config.batchSize, recoveries };
}

function lostDevice({ code, message, details }: TapsError): boolean {
  return (code === 'engine-failed' && details?.['deviceLost'] === true) || (code === 'child-crashed' && DEVICE_LOST.test(message));
}

function ranOutOfMemory({ code, message }: TapsError): boolean {
  return code === 'out-of-memory' || (code === 'child-crashed' && saysOutOfMemory(message));
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message;
}
