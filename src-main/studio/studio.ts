/**
 * @file The main side of the studio: everything behind the contract in contract/studio, without Electron. A transport (Electron's
 * IPC, or the loopback server) passes requests in and events out; the files a person chooses come from its platform services.
 */
import type { FilePurpose } from '../contract/studio/app.ts';
import type { Grant } from '../contract/studio/common.ts';
import type { Reply } from '../contract/studio/contract.ts';
import type { StudioEvent } from '../contract/studio/events.ts';
import { StudioContext } from './context.ts';
import { answerRequest } from './dispatch.ts';
import { exportedFile } from './export-model.ts';
import { pictureOf } from './pictures.ts';

/** What only a desktop can do. null where there is none: the window then offers what works without. */
export interface PlatformServices {
  /** Native dialog; absolute paths, empty when it was closed. */
  choose: ((purpose: FilePurpose, many: boolean) => Promise<string[]>) | null;
  /** Shows a file in the file manager; false when it could not. */
  reveal: ((path: string) => boolean) | null;
  /** Absolute path of the log; null when nothing is logged to a file. */
  logFile: string | null;
}

export interface StudioOptions {
  /** Made when it is not there. */
  libraryFolder: string;
  transport: 'electron' | 'loopback';
  platform: PlatformServices;
  /** For settings.json. */
  settingsFolder: string;
}

export interface Studio {
  /** Checks name and input, runs the request and returns its answer or its error. Never throws. */
  handle(name: unknown, input: unknown): Promise<Reply<unknown>>;
  /** Returns the function that ends the subscription. */
  onEvent(listener: (event: StudioEvent) => void): () => void;
  grants: {
    /** For files from a drop, the command line or the dock. @throws TapsError `not-found` */
    add(path: string): Promise<Grant>;
  };
  /** The file behind `/picture/…`; null for anything that is not there or was not granted. */
  picture(pathAndQuery: string): Promise<{ file: string; contentType: string } | null>;
  /** The file of an export in `export.list`, for downloading it; null when there is none. */
  exportedFile(exportId: string): { path: string; fileName: string } | null;
  /** Tasks for the system's list of recent items, newest first. */
  recent(): { id: string; name: string }[];
  /** Whether closing would stop work. */
  busy(): boolean;
  /** Stops a run with a checkpoint, finishes removals, closes the library. Closing twice is harmless. */
  close(): Promise<void>;
}

/** Never fails because of the library: `app.state` then says what is wrong with it. */
export function createStudio(options: StudioOptions): Promise<Studio> {
  const context = new StudioContext(options);
  return Promise.resolve({
    handle: (name, input) => answerRequest(context, name, input),
    onEvent: (listener) => context.events.subscribe(listener),
    grants: { add: (path) => new Promise((resolve) => { resolve(context.grants.add(path)); }) },
    picture: (pathAndQuery) => pictureOf(context, pathAndQuery),
    exportedFile: (exportId) => (context.sessionOrNull === null ? null : exportedFile(context.sessionOrNull.library, exportId)),
    recent: () => recentTasks(context),
    busy: () => context.busy,
    close: () => context.close(),
  });
}

const RECENT = 8;

/** By the newest thing that happened to a task: its making or a run of it. */
function recentTasks({ sessionOrNull: session }: StudioContext): { id: string; name: string }[] {
  if (session === null) return [];
  return session.library.tasks.recent(RECENT, session.hidden);
}
