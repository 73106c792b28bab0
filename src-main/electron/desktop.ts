/** @file The studio on a desktop: its one window, its menu, opening files, and leaving without losing anything. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { app, type BrowserWindow, nativeTheme, powerMonitor, shell } from 'electron';
import type { AppState, Settings } from '../contract/studio/app.ts';
import type { StudioEvent } from '../contract/studio/events.ts';
import type { Studio } from '../studio/studio.ts';
import { drawAttention } from './attention.ts';
import { chooseFiles, mayClose } from './dialogs.ts';
import { forwardEvents, openDoor, tellWindow } from './ipc.ts';
import { log, logFile } from './log.ts';
import { setMenu } from './menu.ts';
import { serveWindow, WINDOW_FOLDER } from './protocol.ts';
import { watchForUpdates } from './updates.ts';
import { openWindow, rememberWindow } from './window.ts';

/** Until then the page has the main process to itself; loading the rest of the program keeps it busy for some tenths of a second. */
const PAGE_FIRST_MS = 1_000;
/** A checkpoint takes a moment; whatever takes longer than this is not worth a program that cannot be ended. */
const LEAVE_MS = 20_000;

export class Desktop {
  #window: BrowserWindow | null = null;
  #studio: Studio | null = null;
  /** The window may be opened. */
  #started = false;
  #leaving: Promise<void> | null = null;
  #asking = false;
  #closed = false;
  /** Opened before the window could take them in. */
  #waitingFiles: string[] | null = [];
  #pageLoaded = false;

  /** Nothing is left that quitting could break off. */
  get closed(): boolean {
    return this.#closed || this.#studio === null;
  }

  /**
   * After the app is ready. The window comes first: its process starts and reads its page while this one still loads the rest of the
   * program and opens the library; what the page asks meanwhile waits.
   * @param files from the command line
   */
  async start(files: readonly string[]): Promise<void> {
    log.info(`TAPS Studio ${app.getVersion()}, Electron ${process.versions.electron}, ${process.platform} ${process.arch}`);
    const settingsFolder = process.env['TAPS_SETTINGS'] ?? join(homedir(), 'TAPS Studio', 'settings');
    const windowOf = (): BrowserWindow | null => this.#window;
    const { promise: coming, resolve } = Promise.withResolvers<Studio>();
    nativeTheme.themeSource = rememberedTheme(settingsFolder);
    const scriptServed = serveWindow(coming, WINDOW_FOLDER);
    openDoor(coming, windowOf);
    this.#waitingFiles?.push(...files);
    this.#started = true;
    this.#setMenu();
    this.showWindow();
    await Promise.race([scriptServed, new Promise((tooLong) => setTimeout(tooLong, PAGE_FIRST_MS))]);
    const studio = await this.#openStudio(settingsFolder, windowOf);
    resolve(studio);
    // Linux and macOS wait for a program that asks them to.
    powerMonitor.on('shutdown', () => void this.leave());
    await watchForUpdates();
  }

  async #openStudio(settingsFolder: string, windowOf: () => BrowserWindow | null): Promise<Studio> {
    const [{ createStudio }, { rememberedLibraryFolder }] = await Promise.all([import('../studio/studio.ts'), import('../studio/settings.ts')]);
    const studio = await createStudio({
      libraryFolder: process.env['TAPS_LIBRARY'] ?? rememberedLibraryFolder(settingsFolder) ?? join(homedir(), 'TAPS Studio', 'library'),
      transport: 'electron',
      settingsFolder,
      platform: { choose: (purpose, many) => chooseFiles(windowOf(), purpose, many), reveal, logFile: logFile() },
    });
    this.#studio = studio;
    forwardEvents(studio, windowOf);
    drawAttention(studio, windowOf, async () => (await settingsOf(studio))?.notify === true);
    studio.onEvent((event) => {
      if (event.name === 'library.changed' || event.name === 'library.status') this.#setMenu();
      if (event.name === 'settings.changed') nativeTheme.themeSource = event.payload.theme;
    });
    this.#setMenu();
    if (this.#pageLoaded) this.#handOver();
    return studio;
  }

  /** Brings the window to the front, and back when it was closed. */
  showWindow(): void {
    if (!this.#started || this.#leaving !== null) return;
    const window = this.#window;
    if (window === null || window.isDestroyed()) {
      this.#window = this.#open();
      return;
    }
    if (window.isMinimized()) window.restore();
    window.show();
    window.focus();
  }

  /** Hands files and folders to the page, which decides what they are for. */
  async openFiles(paths: readonly string[]): Promise<void> {
    if (this.#waitingFiles !== null || this.#studio === null) {
      this.#waitingFiles?.push(...paths);
      return;
    }
    if (paths.length === 0) return;
    const { grants } = this.#studio;
    const granted = await Promise.allSettled(paths.map((path) => grants.add(path)));
    // The system's own list of recent documents, where it has one: packed tasks are this app's kind of file.
    for (const path of paths) if (path.toLowerCase().endsWith('.taps')) app.addRecentDocument(path);
    this.#tell({ name: 'files.opened', payload: { grants: granted.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])) } });
  }

  /** Stops work with a checkpoint, closes the library, ends the program. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    if (this.#window !== null) rememberWindow(this.#window);
    this.#window?.hide();
    const giveUp = setTimeout(() => {
      log.error('The studio did not close in time');
      app.exit(1);
    }, LEAVE_MS);
    try {
      await this.#studio?.close();
    } catch (error) {
      log.error('The studio could not be closed cleanly', error);
    }
    clearTimeout(giveUp);
    this.#closed = true;
    app.exit(0);
  }

  /** Leaves; asks before when that would stop work. */
  async #askToLeave(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      if (this.#studio?.busy() !== true || (await mayClose(this.#window))) await this.leave();
    } finally {
      this.#asking = false;
    }
  }

  #open(): BrowserWindow {
    const window = openWindow(iconFile());
    window.on('close', (event) => {
      if (this.#leaving !== null || this.#studio?.busy() !== true) return;
      event.preventDefault();
      void this.#askToLeave();
    });
    window.on('closed', () => {
      this.#window = null;
    });
    window.webContents.on('did-finish-load', () => {
      this.#pageLoaded = true;
      if (this.#studio !== null) this.#handOver();
    });
    return window;
  }

  /** Once there is a page to take files in, and a studio to grant them. */
  #handOver(): void {
    const waiting = this.#waitingFiles ?? [];
    this.#waitingFiles = null;
    void this.openFiles(waiting);
  }

  #tell(event: StudioEvent): void {
    tellWindow(this.#window, event);
  }

  #setMenu(): void {
    setMenu({
      command: (command) => {
        this.showWindow();
        this.#tell({ name: 'menu.command', payload: { command } });
      },
      openTask: (id) => {
        this.showWindow();
        this.#tell({ name: 'task.open', payload: { id } });
      },
      openLog: () => {
        shell.showItemInFolder(logFile());
      },
      quit: () => void this.#askToLeave(),
      recent: this.#studio?.recent() ?? [],
    });
  }
}

async function settingsOf(studio: Studio): Promise<Settings | null> {
  const state = await studio.handle('app.state', {});
  return state.ok ? (state.value as AppState).settings : null;
}

/** As the settings say, before they are loaded: a dark window that flashes white first is no good start. */
function rememberedTheme(settingsFolder: string): Settings['theme'] {
  try {
    const { theme } = JSON.parse(readFileSync(join(settingsFolder, 'settings.json'), 'utf8')) as { theme?: unknown };
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  } catch {
    return 'system';
  }
}

function reveal(path: string): boolean {
  if (!existsSync(path)) return false;
  shell.showItemInFolder(path);
  return true;
}

/** For the window on Linux in a checkout; packaged apps have theirs. */
function iconFile(): string | null {
  const file = join(import.meta.dirname, '..', '..', 'resources', 'installer', 'icon.png');
  return existsSync(file) ? file : null;
}
