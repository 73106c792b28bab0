/// <reference lib="dom" />
/**
 * @file Starts the studio in the real Electron, in a home of its own, and talks to it as its window does. Functions given to `evaluate` run
 * in the page: only tests know the names of a page, the build of src-main does not.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import type { RequestInput, RequestName, RequestOutput, Reply } from '../../src-main/contract/studio/contract.ts';
import type { StudioEvent } from '../../src-main/contract/studio/events.ts';
import type { RunView } from '../../src-main/contract/studio/runs.ts';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { ROOT, type Runtime } from './runtime.ts';

/** What the page sees of the preload script. */
export interface BridgeWindow {
  tapsStudio: {
    request: (name: unknown, input: unknown) => Promise<Reply<unknown>>;
    onEvent: (listener: (event: StudioEvent) => void) => () => void;
    grantFiles: (files: readonly File[]) => Promise<Reply<unknown>>;
  };
  heard: StudioEvent[];
}

export interface StudioApp {
  app: ElectronApplication;
  page: Page;
  ask: <K extends RequestName>(name: K, input: RequestInput<K>) => Promise<RequestOutput<K>>;
  reply: (name: string, input: unknown) => Promise<Reply<unknown>>;
}

export interface Home {
  folder: string;
  library: string;
  env: Record<string, string>;
  /** Apps that were started in it. */
  apps: Set<ElectronApplication>;
  /** Also ends what still runs in it: an app that outlives a failed test would keep the whole test file from ending. */
  remove(): void;
}

export function makeHome(runtime: Runtime): Home {
  const folder = mkdtempSync(join(tmpdir(), 'taps-desktop-'));
  const library = join(folder, 'library');
  const env = { ...runtime.env, HOME: folder, USERPROFILE: folder, XDG_CONFIG_HOME: join(folder, 'config'), TAPS_LIBRARY: library, TAPS_SETTINGS: join(folder, 'settings') };
  const apps = new Set<ElectronApplication>();
  return {
    folder,
    library,
    env,
    apps,
    remove: () => {
      for (const app of apps) app.process().kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Resolves when the window shows its first heading. @param args files to open */
export async function startStudio(runtime: Runtime, home: Home, args: readonly string[] = []): Promise<StudioApp> {
  const app = await _electron.launch({ executablePath: runtime.executable, args: [...runtime.switches, ROOT, ...args], env: home.env, cwd: home.folder });
  home.apps.add(app);
  app.once('close', () => home.apps.delete(app));
  const page = await app.firstWindow();
  await page.waitForSelector('h1');
  const reply = (name: string, input: unknown): Promise<Reply<unknown>> =>
    page.evaluate(([words, value]) => (window as unknown as BridgeWindow).tapsStudio.request(words, value), [name, input] as const);
  return {
    app,
    page,
    reply,
    ask: async (name, input) => {
      const answer = await reply(name, input);
      if (!answer.ok) throw new Error(`${name}: ${answer.error.message}`);
      return answer.value as RequestOutput<typeof name>;
    },
  };
}

/** From here on the page keeps what it is told in `window.heard`. */
export async function listen(page: Page): Promise<void> {
  await page.evaluate(() => {
    const own = window as unknown as BridgeWindow;
    own.heard = [];
    own.tapsStudio.onEvent((event) => own.heard.push(event));
  });
}

/** A task of the sample pictures and a run of it that takes long. Resolves to the run once it has done its first step. */
export async function startLongRun({ ask }: StudioApp): Promise<RunView> {
  const base = await ask('base.importEmbedded', { operationId: 'test-import' });
  const found = await ask('images.inspect', { source: { kind: 'sample', id: 'emoji' }, baseId: base.id, seed: 0, validation: 0.15, test: 0.15, operationId: 'test-inspect' });
  const task = await ask('task.create', { name: 'Emoji', baseId: base.id, inspectionId: found.id, excluded: [], operationId: 'test-create' });
  const run = await ask('run.start', { taskId: task.id, config: trainConfigSchema.parse({ method: 'taps', epochs: 500, threads: 1 }) });
  return untilRun({ ask }, run.id, ({ status, progress }) => status !== 'queued' && (status !== 'running' || (progress?.step ?? 0) > 0));
}

const POLL_MS = 100;
const MOST_POLLS = 900;

export async function untilRun({ ask }: Pick<StudioApp, 'ask'>, id: string, wanted: (run: RunView) => boolean): Promise<RunView> {
  for (let tries = 0; tries < MOST_POLLS; tries++) {
    const run = (await ask('run.list', {})).find((candidate) => candidate.id === id);
    if (run !== undefined && wanted(run)) return run;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`The run is not what was waited for: ${JSON.stringify((await ask('run.list', {})).find((run) => run.id === id))}`);
}
