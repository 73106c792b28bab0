/** @file What all screens share: the connection, where we are, the library's cards, the runs, messages. */
import { getContext, setContext } from 'svelte';
import { errorFromEnvelope, type TapsError } from '../../src-main/contract/errors.ts';
import type { AppState, FilePurpose, Settings } from '../../src-main/contract/studio/app.ts';
import type { Grant } from '../../src-main/contract/studio/common.ts';
import type { LibraryOverview } from '../../src-main/contract/studio/library.ts';
import type { RunView } from '../../src-main/contract/studio/runs.ts';
import type { JointView } from '../../src-main/contract/studio/joint.ts';
import type { SweepView } from '../../src-main/contract/studio/sweeps.ts';
import type { StudioClient } from '../client/studio.ts';
import type { DroppedFiles } from '../client/transport.ts';
import { text } from '../text/index.ts';
import { Drops } from './drops.svelte.ts';
import { asTapsError } from './operation.svelte.ts';
import { Router } from './router.svelte.ts';
import { Toasts } from './toasts.svelte.ts';

const KEY = Symbol('app');
/** A question to the person that a dialog of our own asks where the system has none. */
export interface ChooserQuestion {
  purpose: FilePurpose;
  many: boolean;
  answer: (grants: Grant[]) => void;
}

const ACTIVE: readonly RunView['status'][] = ['running', 'paused', 'queued'];

export class App {
  readonly studio: StudioClient;
  readonly router = new Router();
  readonly toasts = new Toasts();
  readonly drops = new Drops();
  /** Pictures that arrived from outside and wait for the wizard to open. */
  pendingPictures: Grant | null = null;
  /** The question that is open. */
  chooser = $state.raw<ChooserQuestion | null>(null);
  /** null until the first answer. */
  about = $state.raw<AppState | null>(null);
  /** Why there is no first answer. */
  failure = $state.raw<TapsError | null>(null);
  /** null until loaded; the error beside it says why it may stay so. */
  overview = $state.raw<LibraryOverview | null>(null);
  overviewError = $state.raw<TapsError | null>(null);
  runs = $state.raw<readonly RunView[]>([]);
  sweeps = $state.raw<readonly SweepView[]>([]);
  joints = $state.raw<readonly JointView[]>([]);
  readonly activeRuns = $derived(this.runs.filter(({ status }) => ACTIVE.includes(status)));

  constructor(studio: StudioClient) {
    this.studio = studio;
    studio.on('library.changed', () => void this.refresh());
    studio.on('library.status', (library) => {
      if (this.about !== null) this.about = { ...this.about, library };
      void this.refresh();
    });
    studio.on('settings.changed', (settings) => {
      if (this.about !== null) this.about = { ...this.about, settings };
    });
    studio.on('run.changed', (run) => this.#noteRun(run));
    studio.on('joint.changed', (joint) => (this.joints = this.joints.map((other) => (other.id === joint.id ? joint : other))));
  }

  async start(): Promise<void> {
    this.failure = null;
    try {
      this.about = await this.studio.request('app.state', {});
    } catch (error) {
      this.failure = asTapsError(error);
      return;
    }
    await this.refresh();
  }

  async refresh(): Promise<void> {
    try {
      const [overview, runs, sweeps, joints] = await Promise.all([this.studio.request('library.overview', {}), this.studio.request('run.list', {}), this.studio.request('sweep.list', {}), this.studio.request('joint.list', {})]);
      this.overview = overview;
      this.runs = runs;
      this.sweeps = sweeps;
      this.joints = joints;
      this.overviewError = null;
    } catch (error) {
      this.overviewError = asTapsError(error);
    }
  }

  #noteRun(run: RunView): void {
    const known = this.runs.some(({ id }) => id === run.id);
    this.runs = known ? this.runs.map((other) => (other.id === run.id ? run : other)) : [run, ...this.runs];
  }

  async changeSettings(change: Partial<Settings>): Promise<void> {
    const settings = await this.attempt(() => this.studio.request('settings.change', change));
    if (settings !== undefined && this.about !== null) this.about = { ...this.about, settings };
  }

  /** For actions of a button: a failure becomes a message with its advice. */
  async attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.report(error);
      return undefined;
    }
  }

  report(error: unknown): void {
    const failure = asTapsError(error);
    if (failure.code === 'cancelled') return;
    this.toasts.show({ kind: 'bad', message: failure.message, advice: failure.advice });
  }

  /** Asks for files or folders, by the system's dialog or ours. Empty when the person thought better of it. */
  async choose(purpose: FilePurpose, many = false): Promise<Grant[]> {
    if (this.studio.transport.kind === 'electron') return (await this.attempt(() => this.studio.request('files.choose', { purpose, many }))) ?? [];
    return new Promise((resolve) => {
      this.chooser = {
        purpose,
        many,
        answer: (grants) => {
          this.chooser = null;
          resolve(grants);
        },
      };
    });
  }

  /** Dropped or picked in the browser's own dialog. */
  async grant(dropped: DroppedFiles): Promise<Grant[]> {
    this.drops.sending = 0;
    try {
      const reply = await this.studio.transport.grantFiles(dropped, (share) => (this.drops.sending = share));
      if (reply.ok) return reply.value;
      this.report(errorFromEnvelope(reply.error));
      return [];
    } finally {
      this.drops.sending = null;
    }
  }

  /** Hides it at once; the message offers to bring it back. */
  async remove(kind: 'base' | 'task' | 'run' | 'sweep' | 'joint', id: string): Promise<void> {
    const removal = await this.attempt(() => this.studio.request('removal.start', { kind, id }));
    if (removal === undefined) return;
    const undo = (): void => {
      void this.attempt(() => this.studio.request('removal.undo', { removalId: removal.removalId }));
    };
    this.toasts.show({ message: text.shell.removed(removal.name), action: { label: text.shell.undo, run: undo } }, removal.undoMs);
  }
}

export function provideApp(app: App): App {
  return setContext(KEY, app);
}

export function useApp(): App {
  return getContext<App>(KEY);
}
