/**
 * @file The contract between the studio's window and its main side. Main, preload, the loopback transport, the renderer and the
 * tests' fakes all derive from this table: a change here is a compile error everywhere else.
 */
import type { z } from 'zod';
import type { ErrorEnvelope } from '../errors.ts';
import { APP_REQUESTS } from './app.ts';
import { COMPARE_REQUESTS } from './compare.ts';
import { EXPORT_REQUESTS } from './export.ts';
import { IMAGES_REQUESTS } from './images.ts';
import { JOINT_REQUESTS } from './joint.ts';
import { LIBRARY_REQUESTS } from './library.ts';
import { RESULT_REQUESTS } from './results.ts';
import { RUN_REQUESTS } from './runs.ts';
import { SWEEP_REQUESTS } from './sweeps.ts';

export const STUDIO_REQUESTS = {
  ...APP_REQUESTS,
  ...LIBRARY_REQUESTS,
  ...IMAGES_REQUESTS,
  ...RUN_REQUESTS,
  ...SWEEP_REQUESTS,
  ...JOINT_REQUESTS,
  ...RESULT_REQUESTS,
  ...COMPARE_REQUESTS,
  ...EXPORT_REQUESTS,
} as const;

export type StudioRequests = typeof STUDIO_REQUESTS;
export type RequestName = keyof StudioRequests;
/** As the caller writes it: defaults may be left out. */
export type RequestInput<K extends RequestName> = z.input<StudioRequests[K]['input']>;
/** As the handler receives it. */
export type ParsedInput<K extends RequestName> = z.output<StudioRequests[K]['input']>;
export type RequestOutput<K extends RequestName> = z.output<StudioRequests[K]['output']>;

/** How every answer travels: never a thrown Error, which would lose its code. */
export type Reply<T> = { ok: true; value: T } | { ok: false; error: ErrorEnvelope };

export function isRequestName(name: unknown): name is RequestName {
  return typeof name === 'string' && Object.hasOwn(STUDIO_REQUESTS, name);
}
