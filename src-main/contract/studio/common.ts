/** @file Words that all parts of the studio's contract use: ids, grants, long operations, typed outputs. */
import { z } from 'zod';

/** Identifier made by the library (hex, or a time-ordered id). Never a path. */
export const idSchema = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/);
/** Name of a base or task as a person writes it. */
export const nameSchema = z.string().trim().min(1).max(120);
export const tagsSchema = z.array(z.string().trim().min(1).max(40)).max(20);
export const notesSchema = z.string().max(20_000);
/** Chosen by the renderer for work that reports progress and can be cancelled (`operation.cancel`). */
export const operationIdSchema = z.string().regex(/^[A-Za-z0-9-]{8,64}$/);
/** 256 bits from the main side, base64url. Stands for a file or folder that a person chose. */
export const tokenSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

export const EMPTY = z.strictObject({});

/** A file or folder that a dialog or a drop has granted. The renderer sees names, never paths it could invent. */
export interface Grant {
  token: string;
  /** Last part of the path. */
  name: string;
  /** For showing to a person only. */
  displayPath: string;
  kind: 'file' | 'folder';
  /** Of a file; null for a folder. */
  bytes: number | null;
  /** What it looks like, by its name and the names inside: a dropped file goes where it belongs. */
  content: 'images' | 'model' | 'task' | 'other';
}

/**
 * Schema of what the main side answers. Outputs come from the trusted side, so they are typed and not parsed again;
 * that each survives a structured clone is tested.
 */
export function answer<T>(): z.ZodType<T> {
  return z.custom<T>();
}

export interface RequestSpec<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  input: I;
  output: O;
}

export function request<I extends z.ZodType, O>(input: I, output: z.ZodType<O>): RequestSpec<I, z.ZodType<O>> {
  return { input, output };
}
