/** @file What the handlers of all areas share: the open library (or why there is none), grants, settings, long operations, events. */
import { resolve } from 'node:path';
import { TapsError, errorFromEnvelope, type ErrorEnvelope } from '../contract/errors.ts';
import type { LibraryStatus } from '../contract/studio/app.ts';
import { StudioEvents } from './events.ts';
import { Grants } from './grants.ts';
import { LibrarySession } from './library-session.ts';
import { Operations } from './operations.ts';
import { plainEnvelope } from './plain-envelope.ts';
import { SettingsStore } from './settings.ts';
import type { StudioOptions } from './studio.ts';

type LibraryHolder = { session: LibrarySession } | { folder: string; error: ErrorEnvelope };

export class StudioContext {
  readonly options: StudioOptions;
  readonly events = new StudioEvents();
  readonly grants = new Grants();
  readonly operations = new Operations(this.events);
  readonly settings: SettingsStore;
  #library: LibraryHolder;
  /** Opening, moving and closing follow one another. */
  #exclusive: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: StudioOptions) {
    this.options = options;
    this.settings = new SettingsStore(options.settingsFolder);
    const folder = resolve(options.libraryFolder);
    try {
      this.#library = { session: new LibrarySession(folder, this.events) };
    } catch (error) {
      this.#library = { folder, error: plainEnvelope(error) };
    }
  }

  /** @throws TapsError why the library could not be opened */
  get session(): LibrarySession {
    if ('session' in this.#library) return this.#library.session;
    throw errorFromEnvelope(this.#library.error);
  }

  /** null where there is none; for what works without a library. */
  get sessionOrNull(): LibrarySession | null {
    return 'session' in this.#library ? this.#library.session : null;
  }

  get libraryFolder(): string {
    return 'session' in this.#library ? this.#library.session.library.folder : this.#library.folder;
  }

  libraryStatus(): LibraryStatus {
    return 'session' in this.#library ? this.#library.session.status() : { state: 'failed', ...this.#library };
  }

  get busy(): boolean {
    return this.operations.count > 0 || (this.sessionOrNull?.queue.busy ?? false);
  }

  /** Of changes of the library as a whole, one after the other. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#exclusive.then(work);
    this.#exclusive = result.catch(() => undefined);
    return result;
  }

  /** @throws TapsError `usage` while a run is going or waiting, or other work than `own` is under way */
  requireIdle(own: number): void {
    if (this.sessionOrNull?.queue.busy === true) throw new TapsError('usage', 'A run is going or waiting.', 'Stop it, or wait for its end, then try again.');
    if (this.operations.count > own) throw new TapsError('usage', 'Other work is under way.', 'Wait for it, or cancel it, then try again.');
  }

  /**
   * Uses the library in another folder from now on; made when it is not there. When it cannot be opened the present one stays.
   * @throws TapsError what `openLibrary` throws
   */
  async useLibrary(folder: string): Promise<LibraryStatus> {
    const target = resolve(folder);
    if (this.sessionOrNull?.library.folder === target) return this.libraryStatus();
    let next: LibrarySession;
    try {
      next = new LibrarySession(target, this.events);
    } catch (error) {
      if (!('session' in this.#library)) this.#setLibrary({ folder: target, error: plainEnvelope(error) });
      throw error;
    }
    const previous = this.sessionOrNull;
    this.#setLibrary({ session: next });
    await previous?.close();
    await this.settings.rememberLibrary(target);
    return this.libraryStatus();
  }

  /**
   * Runs `work` while no library is open, then uses the folder it returns; when it fails, the library that was open before.
   * @throws what `work` throws, or TapsError of a library that cannot be opened
   */
  async withLibraryClosed(work: (folder: string) => Promise<string>): Promise<LibraryStatus> {
    const { session } = this;
    const { folder } = session.library;
    this.#library = { folder, error: plainEnvelope(new TapsError('usage', 'The library is being moved.', 'Wait until that is done, or cancel it.')) };
    await session.close();
    try {
      return await this.useLibrary(await work(folder));
    } catch (error) {
      await this.useLibrary(folder);
      throw error;
    }
  }

  #setLibrary(library: LibraryHolder): void {
    this.#library = library;
    this.events.emit('library.status', this.libraryStatus());
    this.events.libraryChanged();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.operations.close();
    await this.exclusively(async () => {
      await this.sessionOrNull?.close();
    });
    this.#library = { folder: this.libraryFolder, error: plainEnvelope(new TapsError('cancelled', 'The studio is closing.', 'Start it again.')) };
    this.events.close();
  }
}
