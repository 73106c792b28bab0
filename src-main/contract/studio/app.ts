/** @file Contract: the application itself, its settings, its library folder, files a person chooses, the state of the machine. */
import { z } from 'zod';
import type { EngineInfo } from '../engine-info.ts';
import type { ErrorEnvelope } from '../errors.ts';
import { ENGINE_IDS } from '../training.ts';
import { answer, EMPTY, idSchema, operationIdSchema, request, tokenSchema, type Grant } from './common.ts';

export const settingsSchema = z.strictObject({
  theme: z.enum(['system', 'light', 'dark']),
  /** CPU threads for training, 0 = all cores. */
  threads: z.number().int().min(0).max(256),
  engine: z.enum(ENGINE_IDS),
  /** Whether a finished run raises a notification of the system. */
  notify: z.boolean(),
  libraryView: z.enum(['cards', 'table']),
  welcomed: z.boolean(),
});
export type Settings = z.infer<typeof settingsSchema>;

export const DEFAULT_SETTINGS: Settings = { theme: 'system', threads: 0, engine: 'onnxruntime', notify: true, libraryView: 'cards', welcomed: false };

/** `failed`: the window shows the error with what can be done about it; every other request that needs the library fails with it. */
export type LibraryStatus = { state: 'open'; folder: string; bases: number; tasks: number } | { state: 'failed'; folder: string; error: ErrorEnvelope };

export interface AppState {
  version: string;
  transport: 'electron' | 'loopback';
  platform: string;
  library: LibraryStatus;
  settings: Settings;
  /** Embedded material that is there to try. */
  samples: SampleTask[];
  embeddedBase: { name: string; bytes: number } | null;
  /** Runs that a crash or a closed window left unfinished. */
  interruptedRuns: number;
}

export interface SampleTask {
  id: string;
  title: string;
  classes: number;
  images: number;
  /** Pictures to show it by: `/picture/sample/<id>/<0 … covers − 1>`. */
  covers: number;
}

export interface MachineReport {
  version: string;
  versions: Record<string, string>;
  platform: string;
  cores: number;
  memoryBytes: number;
  freeMemoryBytes: number;
  engines: EngineInfo[];
  library: { folder: string; freeBytes: number | null; error: ErrorEnvelope | null };
}

export interface VerifyView {
  ok: boolean;
  checkedBlobs: number;
  checkedBytes: number;
  problems: string[];
  seconds: number;
}

/** Listing of one folder of the machine that serves the studio (loopback transport only). */
export interface FolderListing {
  folder: Grant;
  parent: Grant | null;
  entries: Grant[];
  /** Entries that were left out because there are too many. */
  omitted: number;
}

export const FILE_PURPOSES = ['model', 'model-folder', 'images-folder', 'images-file', 'pictures', 'task', 'task-folder', 'export-folder', 'library-folder'] as const;
export type FilePurpose = (typeof FILE_PURPOSES)[number];

export const APP_REQUESTS = {
  'app.state': request(EMPTY, answer<AppState>()),
  'app.report': request(EMPTY, answer<{ fileName: string; text: string }>()),
  'app.reveal': request(
    z.discriminatedUnion('what', [
      z.strictObject({ what: z.literal('library') }),
      z.strictObject({ what: z.literal('log') }),
      z.strictObject({ what: z.literal('task-images'), id: idSchema }),
      z.strictObject({ what: z.literal('export'), id: idSchema }),
      z.strictObject({ what: z.literal('base'), id: idSchema }),
    ]),
    answer<{ displayPath: string; shown: boolean }>(),
  ),
  'settings.change': request(settingsSchema.partial(), answer<Settings>()),
  'machine.check': request(z.strictObject({ operationId: operationIdSchema }), answer<MachineReport>()),
  'library.verify': request(z.strictObject({ operationId: operationIdSchema }), answer<VerifyView>()),
  /** Opens (or makes) the library in another folder. Refused while a run is going. */
  'library.open': request(z.strictObject({ folder: tokenSchema }), answer<LibraryStatus>()),
  /** Tries the library that could not be opened once more. */
  'library.retry': request(EMPTY, answer<LibraryStatus>()),
  /** Copies the library to an empty folder, verifies the copy, then uses it. The old one stays. */
  'library.move': request(z.strictObject({ folder: tokenSchema, operationId: operationIdSchema }), answer<LibraryStatus>()),
  /** Native dialog. Fails with `usage` where there is none: the renderer then shows `files.browse`. */
  'files.choose': request(z.strictObject({ purpose: z.enum(FILE_PURPOSES), many: z.boolean().default(false) }), answer<Grant[]>()),
  'files.browse': request(z.strictObject({ folder: tokenSchema.nullable(), purpose: z.enum(FILE_PURPOSES) }), answer<FolderListing>()),
  'operation.cancel': request(z.strictObject({ operationId: operationIdSchema }), answer<{ found: boolean }>()),
} as const;
