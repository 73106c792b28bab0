/**
 * @file The trainer's part in going on after a failure: the owner starts a fresh process (supervisor/recovery), because a process whose
 * memory ran out cannot be trusted; this one says what it had tried, and begins as it is told.
 */
import { TapsError } from '../contract/errors.ts';
import type { Recovery, TrainConfig } from '../contract/training.ts';
import { saysOutOfMemory } from '../core/out-of-memory.ts';

/** The configuration with the micro-batches that the last recovery left. Everything else, and the run's identity, is the given one's. */
export function afterRecoveries(config: TrainConfig, recoveries: readonly Recovery[]): TrainConfig {
  const last = recoveries.at(-1);
  return last === undefined ? config : { ...config, batchSize: last.batchSize, accumulate: last.accumulate };
}

/** What the owner needs to decide how to go on. */
export interface Attempt {
  attempt: {
    /** Pictures at once. */
    batchSize: number;
    recoveries: Recovery[];
  };
}

/**
 * A failure together with what was tried; whatever says that memory ran out becomes `out-of-memory`.
 * @param tried pictures at once
 * @param recoveries of a run that learns
 */
export function failureOf(error: unknown, { batchSize }: { batchSize: number }, recoveries: readonly Recovery[] = []): unknown {
  const details: Attempt = { attempt: { batchSize, recoveries: [...recoveries] } };
  if (error instanceof TapsError) return new TapsError(error.code, error.message, error.advice, { cause: error.cause ?? error, details: { ...error.details, ...details } });
  const message = error instanceof Error ? error.message : String(error);
  if (!saysOutOfMemory(message)) return error;
  return new TapsError('out-of-memory', `Memory ran out with ${String(batchSize)} pictures at once: ${message}`, 'Use a smaller batch (with accumulation for the same effective batch) or a smaller image size.', { cause: error, details: { ...details } });
}
