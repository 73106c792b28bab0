/** @file Why runs ended badly, as the window shows it: kept with the library, for the record holds the message only. */
import { z } from 'zod';
import { ERROR_CODES, type ErrorEnvelope } from '../../contract/errors.ts';
import type { RunHead } from '../../contract/records.ts';
import type { Library } from '../../services/open-library.ts';
import { plainEnvelope } from '../plain-envelope.ts';

const envelopeSchema = z.object({ code: z.enum(ERROR_CODES), message: z.string(), advice: z.string(), details: z.record(z.string(), z.unknown()).optional() });
/** Of a run, or of a sweep that could not go on: no two have the same id. */
const keyOf = (id: string): string => `run-failure/${id}`;

/** A full disk must not turn one failure into two: what cannot be kept is lost with the record's message left. */
export function keepFailure(library: Library, id: string, error: unknown): void {
  try {
    library.documents.set(keyOf(id), plainEnvelope(error));
  } catch {
    // The record has the message.
  }
}

export function forgetFailure(library: Library, id: string): void {
  library.documents.remove(keyOf(id));
}

/** null when nothing was kept. */
export function failureKept(library: Library, id: string): ErrorEnvelope | null {
  const parsed = envelopeSchema.safeParse(library.documents.get(keyOf(id)));
  if (!parsed.success) return null;
  const { details, ...envelope } = parsed.data;
  return details === undefined ? envelope : { ...envelope, details };
}

export function failureOf(library: Library, run: Omit<RunHead, 'result'>): ErrorEnvelope | null {
  if (run.status !== 'failed' && run.status !== 'interrupted') return null;
  const kept = failureKept(library, run.id);
  if (kept !== null) return kept;
  return run.failure === null ? null : { code: 'engine-failed', message: run.failure, advice: 'Change the settings that the message names, or resume the run.' };
}
