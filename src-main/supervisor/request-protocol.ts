/** @file Request and reply between an owner and a child that answers questions (codec, model-io). */
import type { ErrorEnvelope } from '../contract/errors.ts';

/** Owner → child. */
export interface ChildRequest {
  id: number;
  kind: string;
  payload: unknown;
}

/** Child → owner: any number of progress messages, then one answer. */
export type ChildReply =
  | { id: number; progress: { done: number; total: number } }
  | { id: number; ok: true; value: unknown }
  | { id: number; ok: false; error: ErrorEnvelope };

export type Progress = (done: number, total: number) => void;
