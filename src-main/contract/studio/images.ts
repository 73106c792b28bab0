/** @file Contract: pictures before they become a dataset (the wizard), and afterwards (versions). */
import { z } from 'zod';
import type { Split } from '../dataset.ts';
import { trainConfigSchema } from '../training.ts';
import { answer, EMPTY, idSchema, nameSchema, operationIdSchema, request, tokenSchema } from './common.ts';
import type { DatasetVersion, TaskCard } from './library.ts';

export const shareSchema = z.number().min(0).max(0.5);
export const seedSchema = z.number().int().min(0).max(0xffff_ffff);

/** One picture of an inspected or recorded dataset. Its picture is at `/picture/dataset/<id>/<index>`. */
export interface ImageRow {
  /** Position in the dataset. */
  index: number;
  /** Relative, '/' separators. */
  path: string;
  label: number;
  split: Split;
  bytes: number;
}

/** Pictures that are the same or nearly so. Indices into the dataset. */
export interface TwinGroup {
  kind: 'identical' | 'similar';
  indices: number[];
  /** Not all in the same split: the test would ask what was learnt by heart. */
  leak: boolean;
  /** Not all of the same class: one label must be wrong. */
  conflict: boolean;
}

export interface Inspection {
  /** Key of `images.list` and of `/picture/dataset/<id>/…`; lives until the library closes. */
  id: string;
  classes: string[];
  images: number;
  totalBytes: number;
  counts: { train: number; validation: number; test: number };
  /** Per class: pictures in each split. */
  perClass: { train: number; validation: number; test: number }[];
  quarantined: { path: string; reason: string }[];
  twins: TwinGroup[];
  warnings: string[];
  splitSource: DatasetVersion['splitSource'];
  displayRoot: string;
  hash: string;
}

/** The wizard as it was left. Survives a restart. */
export const draftSchema = z.strictObject({
  step: z.enum(['base', 'images', 'tune', 'train']),
  baseId: idSchema.nullable(),
  name: z.string().max(120),
  /** Where the pictures are: a grant of this session (`token`), an embedded sample, or what the draft remembers of a grant of an earlier one. */
  source: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('granted'), token: tokenSchema, displayPath: z.string().max(4096), name: z.string().max(1024) }),
      z.strictObject({ kind: z.literal('sample'), id: z.string().max(60) }),
    ])
    .nullable(),
  seed: seedSchema,
  validation: shareSchema,
  test: shareSchema,
  /** Pictures the person took out, by path. */
  excluded: z.array(z.string().max(4096)).max(200_000),
  config: trainConfigSchema,
});
export type Draft = z.infer<typeof draftSchema>;

export const sourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('granted'), token: tokenSchema }),
  z.strictObject({ kind: z.literal('sample'), id: z.string().max(60) }),
]);

export interface TimeEstimate {
  /** null when nothing comparable has run on this machine yet. */
  seconds: number | null;
  /** In words: what the estimate rests on. */
  basis: string;
}

/** Bytes of a TAPS task at full precision: with no layer open (no smaller budget can be held), with every layer open; of a full copy. */
export interface BudgetBounds {
  leastBytes: number;
  mostBytes: number;
  fullCopyBytes: number;
}

export const IMAGES_REQUESTS = {
  'draft.get': request(EMPTY, answer<Draft | null>()),
  'draft.save': request(draftSchema, answer<{ saved: true }>()),
  'draft.discard': request(EMPTY, answer<{ discarded: true }>()),
  /** Lists, hashes, decodes and compares all pictures. Nothing is recorded in the library. */
  'images.inspect': request(
    z.strictObject({ source: sourceSchema, baseId: idSchema, seed: seedSchema, validation: shareSchema, test: shareSchema, operationId: operationIdSchema }),
    answer<Inspection>(),
  ),
  'images.list': request(
    z.strictObject({ datasetId: idSchema, label: z.number().int().min(0).nullable(), split: z.enum(['train', 'validation', 'test']).nullable(), offset: z.number().int().min(0), limit: z.number().int().min(1).max(500) }),
    answer<{ rows: ImageRow[]; total: number }>(),
  ),
  'task.create': request(
    z.strictObject({ name: nameSchema, baseId: idSchema, inspectionId: idSchema, excluded: z.array(z.string().max(4096)).max(200_000), operationId: operationIdSchema }),
    answer<TaskCard>(),
  ),
  /** A new version of the task's dataset. `label: null` leaves the picture out. */
  'dataset.revise': request(
    z.strictObject({ taskId: idSchema, changes: z.array(z.strictObject({ path: z.string().min(1).max(4096), label: z.number().int().min(0).nullable() })).min(1).max(10_000) }),
    answer<DatasetVersion>(),
  ),
  /** Which budgets a task with these classes can hold. Takes a moment the first time: the base is read. */
  'train.bounds': request(z.strictObject({ baseId: idSchema, classNames: z.array(z.string().min(1).max(1024)).min(1).max(10_000) }), answer<BudgetBounds>()),
  'train.estimate': request(z.strictObject({ baseId: idSchema, trainImages: z.number().int().min(0), evaluatedImages: z.number().int().min(0), config: trainConfigSchema }), answer<TimeEstimate>()),
} as const;
