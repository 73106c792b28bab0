/** @file Contract: bases and tasks as the library screen shows them. Sizes in bytes, times in epoch milliseconds, shares 0..1. */
import { z } from 'zod';
import type { BaseRecord, DeltaRecord, RunRecord } from '../records.ts';
import type { MethodId } from '../training.ts';
import type { ComparePoint } from './compare.ts';
import { answer, EMPTY, idSchema, nameSchema, notesSchema, operationIdSchema, request, tagsSchema, tokenSchema } from './common.ts';

export interface BaseCard {
  id: string;
  name: string;
  tags: string[];
  notes: string;
  parameters: number;
  gatedLayers: number;
  imageSize: number;
  /** Graph and weights on disk. */
  bytes: number;
  tasks: number;
  createdAt: number;
}

export interface DeltaCard {
  id: string;
  method: MethodId;
  /** On the test split; null when never measured here. */
  testAccuracy: number | null;
  layersOpen: number;
  layersTotal: number;
  bytes: number;
  /** bytes / bytes of a full copy for this task. */
  shareOfFullCopy: number;
  createdAt: number;
}

export interface TaskCard {
  id: string;
  name: string;
  tags: string[];
  notes: string;
  baseId: string;
  baseName: string;
  datasetId: string;
  classNames: string[];
  images: number;
  /** What is shown and exported by default. */
  current: DeltaCard | null;
  results: number;
  /** Of the newest run; null when there was none. */
  lastRun: { id: string; status: RunRecord['status']; method: MethodId } | null;
  /** Indices of a few training pictures, one per class, for `/picture/dataset/<datasetId>/<index>`. */
  coverIndices: number[];
  createdAt: number;
}

export const TASK_SORTS = ['newest', 'name', 'accuracy', 'bytes'] as const;
export type TaskSort = (typeof TASK_SORTS)[number];

export interface LibraryOverview {
  bases: BaseCard[];
  /** The first by name; `library.tasks` has all, a page at a time. */
  tasks: TaskCard[];
  taskCount: number;
  totals: { bytes: number; fullCopiesBytes: number; freeBytes: number | null };
}

export interface TaskList {
  tasks: TaskCard[];
  /** That match, on all pages. */
  total: number;
}

export interface DatasetVersion {
  id: string;
  hash: string;
  /** The version this one was made from by relabelling or excluding; null for one read from files. */
  parentId: string | null;
  images: number;
  counts: { train: number; validation: number; test: number };
  classCounts: number[];
  quarantined: { path: string; reason: string }[];
  warnings: string[];
  splitSource: { kind: 'folders' } | { kind: 'seeded'; seed: number; validation: number; test: number };
  /** For showing only. */
  displayRoot: string;
  createdAt: number;
}

export interface TaskDetail {
  card: TaskCard;
  base: BaseCard;
  /** Newest last. */
  versions: DatasetVersion[];
  /** Oldest first, without epochs (see `run.show`). */
  runs: (Omit<RunRecord, 'metrics' | 'folder'> & { epochsDone: number; datasetId: string | null })[];
  deltas: (DeltaCard & Pick<DeltaRecord, 'layers' | 'runId' | 'parameters' | 'pathLevel'> & Pick<ComparePoint, 'smaller'>)[];
  fullCopyBytes: number;
}

export interface BaseDetail {
  card: BaseCard;
  preprocessing: BaseRecord['preprocessing'];
  summary: BaseRecord['summary'];
  classNames: string[];
  source: string;
  tasks: { id: string; name: string }[];
  /** Gated layers in forward order. */
  layers: { name: string; parameters: number }[];
}

const PREPROCESSING = z.enum(['imagenet', 'caffe', 'unit', 'half']);

export const LIBRARY_REQUESTS = {
  'library.overview': request(EMPTY, answer<LibraryOverview>()),
  /** A page of the tasks that have every word of `text` in name, tags, classes, notes or the base's name; those without the figure that is sorted by come last. */
  'library.tasks': request(
    z.strictObject({ text: z.string().max(300).default(''), sort: z.enum(TASK_SORTS).default('name'), baseId: idSchema.optional(), offset: z.number().int().min(0).max(10_000_000).default(0), limit: z.number().int().min(1).max(200).default(60) }),
    answer<TaskList>(),
  ),
  /** The wanted name, or one like it that no task has. */
  'task.freeName': request(z.strictObject({ wanted: nameSchema }), answer<{ name: string }>()),
  'base.importEmbedded': request(z.strictObject({ operationId: operationIdSchema }), answer<BaseCard>()),
  'base.import': request(
    z.strictObject({ file: tokenSchema, name: nameSchema.optional(), preprocessing: PREPROCESSING.optional(), imageSize: z.number().int().min(8).max(1024).optional(), operationId: operationIdSchema }),
    answer<{ base: BaseCard; alreadyThere: boolean }>(),
  ),
  'base.show': request(z.strictObject({ id: idSchema }), answer<BaseDetail>()),
  'base.update': request(z.strictObject({ id: idSchema, name: nameSchema.optional(), tags: tagsSchema.optional(), notes: notesSchema.optional() }), answer<BaseCard>()),
  'task.show': request(z.strictObject({ id: idSchema }), answer<TaskDetail>()),
  'task.update': request(
    z.strictObject({ id: idSchema, name: nameSchema.optional(), tags: tagsSchema.optional(), notes: notesSchema.optional(), currentDeltaId: idSchema.optional() }),
    answer<TaskCard>(),
  ),
  /** Runs and results of a sweep stay; of unfinished joint training bases and tasks that it has stored. Hidden at once, removed for good after `undoMs`. `removal.undo` brings it back until then. */
  'removal.start': request(z.strictObject({ kind: z.enum(['base', 'task', 'run', 'sweep', 'joint']), id: idSchema }), answer<{ removalId: string; undoMs: number; name: string }>()),
  'removal.undo': request(z.strictObject({ removalId: idSchema }), answer<{ restored: boolean }>()),
  /** Writes the task into the granted folder: as one file (.taps) or as an adapter folder. */
  'task.pack': request(z.strictObject({ id: idSchema, deltaId: idSchema.optional(), folder: tokenSchema.nullable(), form: z.enum(['file', 'folder']).default('file') }), answer<{ displayPath: string; bytes: number; exportId: string }>()),
  /** `source`: a file or folder that was packed. */
  'task.unpack': request(z.strictObject({ source: tokenSchema, name: nameSchema.optional() }), answer<TaskCard>()),
} as const;
