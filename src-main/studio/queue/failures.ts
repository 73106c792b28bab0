/** @file Why runs ended badly, as the window shows it: kept with the library, for the record holds the message only. */
import { z } from 'zod';
import { ERROR_CODES, type ErrorEnvelope } from '../../contract/errors.ts';
import type { RunHead } from '../../contract/records.ts';
import type { Library } from '../../services/open-library.ts';
import { plainEnvelope } from '../plain-envelope.ts';

const envelopeSchema = z.object({ code: z.enum(ERROR_CODES), message: z.string(), advice: z.string(), details: z.record(z.string(), z.unknown()).optional() });
const keyOf = (runId: string): string => `run-failure/${runId}`;

/** A full disk must not turn one failure into two: what cannot be kept is lost with the record's message left. */
export function keepFailure(library: Library, runId: string, error: unknown): void {
  try {
    library.documents.set(keyOf(runId), plainEnvelope(error));
  } catch {
    // The record has the message.
  }
}

export function forgetFailure(library: Library, runId: string): void {
  library.documents.remove(keyOf(runId));
}

export function failureOf(library: Library, run: Omit<RunHead, 'result'>): ErrorEnvelope | null {
  if (run.status !== 'failed' && run.status !== 'interrupted') return null;
  const parsed = envelopeSchema.safeParse(library.documents.get(keyOf(run.id)));
  if (parsed.success) {
    const { details, ...envelope } = parsed.data;
    return details === undefined ? envelope : { ...envelope, details };
  }
  return run.failure === null ? null : { code: 'engine-failed', message: run.failure, advice: 'Change the settings that the message names, or resume the run.' };
}
