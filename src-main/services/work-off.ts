/** @file Pieces of work one after the other, or two at a time while memory allows. */
import { freemem } from 'node:os';

/** What one piece of work takes, as far as it is known. */
export interface Measured {
  /** Bytes, largest so far; 0 before anything was measured. */
  largest: number;
}

/** Memory that must stay free beside a second piece of work, as a multiple of what the first one takes. */
const MEMORY_MARGIN = 1.5;
const MEASURE_INTERVAL_MS = 200;
const MEASURE_LIMIT_MS = 60_000;

/**
 * @param parallel 1 or 2: the second begins when the first is measured and so much memory is free
 * @param work tells `measured` what it takes; what it throws ends this worker, the other one finishes its piece
 * @throws what `work` threw first
 */
export async function workOff<T>(pieces: readonly T[], parallel: number, work: (piece: T, measured: Measured) => Promise<void>, signal?: AbortSignal): Promise<void> {
  const left = [...pieces];
  const measured: Measured = { largest: 0 };
  let failed = false;
  const worker = async (first: boolean): Promise<void> => {
    for (;;) {
      if (failed || (!first && freemem() < MEMORY_MARGIN * measured.largest)) return;
      const piece = left.shift();
      if (piece === undefined) return;
      try {
        await work(piece, measured);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = [worker(true)];
  // The second waits for the first to be measured: its size is not known before.
  if (parallel > 1) workers.push(whenMeasured(measured, signal).then(() => worker(false)));
  const failure = (await Promise.allSettled(workers)).find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason instanceof Error ? failure.reason : new Error(String(failure.reason));
}

async function whenMeasured(measured: Measured, signal: AbortSignal | undefined): Promise<void> {
  for (let waited = 0; measured.largest === 0 && waited < MEASURE_LIMIT_MS && signal?.aborted !== true; waited += MEASURE_INTERVAL_MS) {
    await new Promise((resolve) => setTimeout(resolve, MEASURE_INTERVAL_MS));
  }
}
