/**
 * @file Coded errors: the one shape in which a failure crosses a process or reaches a person.
 * Every message says what happened, with which value, and what to do.
 */

/** Every code a `TapsError` may carry. The exit code of the command line derives from it (`exitCodeOf`). */
export const ERROR_CODES = [
  'usage', // a command or option is wrong
  'not-found', // a named base, task, run or file does not exist
  'already-exists',
  'invalid-config', // a value is out of its range
  'model-unsupported', // a readable model that uses something we do not implement
  'model-malformed', // truncated, hostile or inconsistent model file
  'model-kind', // a file format that is refused on purpose (pickle, HDF5, ...)
  'base-mismatch', // a delta made for another base
  'dataset-invalid', // one class, empty class, no readable image, ...
  'dataset-changed', // images changed since the manifest was made
  'image-unreadable',
  'engine-unavailable',
  'engine-failed',
  'non-finite', // loss or weights are NaN or infinite
  'out-of-memory',
  'disk-full',
  'io-failed',
  'library-locked',
  'library-damaged',
  'library-too-new',
  'child-crashed',
  'child-protocol',
  'cluster-failed', // Slurm is missing, refuses, or ended a job
  'cancelled',
  'parity-failed',
  'run-incompatible', // a checkpoint that does not belong to this configuration
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** Plain-data form of a `TapsError`, for messages between processes and for `--json`. */
export interface ErrorEnvelope {
  code: ErrorCode;
  /** What happened, with the offending value. One sentence, no trailing advice. */
  message: string;
  /** What the person can do about it. One imperative sentence; empty only for `internal`. */
  advice: string;
  /** Extra facts for machines (paths, names, numbers). */
  details?: Record<string, unknown>;
}

export class TapsError extends Error {
  readonly code: ErrorCode;
  readonly advice: string;
  readonly details: Record<string, unknown> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    advice: string,
    options: { cause?: unknown; details?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TapsError';
    this.code = code;
    this.advice = advice;
    this.details = options.details;
  }
}

/** Converts anything thrown into plain data. Inverse: `errorFromEnvelope`. */
export function envelopeOf(error: unknown): ErrorEnvelope {
  // Closing something failed as well: the first failure is the one that explains.
  if (error instanceof SuppressedError) return envelopeOf(error.suppressed);
  if (error instanceof TapsError) {
    return {
      code: error.code,
      message: error.message,
      advice: error.advice,
      ...(error.details === undefined ? {} : { details: error.details }),
    };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'internal', message, advice: 'This is a defect: please report it with the command that caused it.' };
}

/** Rebuilds a `TapsError` from its plain form. Inverse of `envelopeOf`. */
export function errorFromEnvelope(envelope: ErrorEnvelope): TapsError {
  return new TapsError(
    envelope.code,
    envelope.message,
    envelope.advice,
    envelope.details === undefined ? {} : { details: envelope.details },
  );
}

/** Process exit code for an error: 2 usage, 3 not found or conflicting, 4 bad input, 5 environment, 130 cancelled, 1 else. */
export function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case 'usage':
    case 'invalid-config':
      return 2;
    case 'not-found':
    case 'already-exists':
    case 'base-mismatch':
    case 'run-incompatible':
      return 3;
    case 'model-unsupported':
    case 'model-malformed':
    case 'model-kind':
    case 'dataset-invalid':
    case 'dataset-changed':
    case 'image-unreadable':
    case 'parity-failed':
      return 4;
    case 'engine-unavailable':
    case 'engine-failed':
    case 'out-of-memory':
    case 'disk-full':
    case 'io-failed':
    case 'library-locked':
    case 'library-damaged':
    case 'library-too-new':
    case 'child-crashed':
    case 'child-protocol':
    case 'cluster-failed':
      return 5;
    case 'cancelled':
      return 130;
    case 'non-finite':
    case 'internal':
      return 1;
  }
}
