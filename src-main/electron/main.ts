/** @file Electron's main process: owns the studio and its children, and computes nothing itself. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { app, type BrowserWindow, nativeTheme, shell } from 'electron';
import log from 'electron-log/main.js';
import type { StudioEvent } from '../contract/studio/events.ts';
import { rememberedLibraryFolder } from '../studio/settings.ts';
import { createStudio, type Studio } from '../studio/studio.ts';
import { useSpawner } from '../supervisor/spawn-child.ts';
import { drawAttention } from './attention.ts';
import { chooseFiles, mayClose } from './dialogs.ts';
import { guardPermissions, guardWebContents } from './guards.ts';
import { CHANNELS, openDoor } from './ipc.ts';
import { setMenu } from './menu.ts';
import { registerScheme, serveWindow } from './protocol.ts';
import { smokeTest } from './smoke-test.ts';
import { watchForUpdates } from './updates.ts';
import { startUtilityChild } from './utility-child.ts';
import { openWindow } from './window.ts';

const SMOKE_TEST = process.argv.includes('--smoke-test');
const WINDOW_FOLDER = join(import.meta.dirname, '..', 'renderer');
let window: BrowserWindow | null = null;
let studio: Studio | null = null;
let leaving = false;

useSpawner(startUtilityChild);
registerScheme();
// Root has no sandbox to give, and every process that asks for one ends at once.
if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox();
guardWebContents();
log.transports.console.level = SMOKE_TEST ? false : 'warn';
process.on('uncaughtException', (error) => {
  log.error('Unexpected failure in the main process', error);
});
process.on('unhandledRejection', (error) => {
  log.error('Unexpected failure in the main process', error);
});

if (SMOKE_TEST) void app.whenReady().then(runSmokeTest);
else if (!app.requestSingleInstanceLock()) app.quit();
else {
  app.on('second-instance', (_event, argv, folder) => {
    showWindow();
    void openFiles(filesIn(argv, folder));
  });
  app.on('open-file', (event, path) => {
    event.preventDefault();
    void openFiles([path]);
  });
  app.on('activate', showWindow);
  app.on('window-all-closed', () => {
    app.quit();
  });
  app.on('before-quit', (event) => {
    if (leaving || studio === null) return;
    event.preventDefault();
    void leave();
  });
  void app.whenReady().then(start);
}

async function start(): Promise<void> {
  guardPermissions();
  const settingsFolder = process.env['TAPS_SETTINGS'] ?? join(homedir(), 'TAPS Studio', 'settings');
  const libraryFolder = process.env['TAPS_LIBRARY'] ?? rememberedLibraryFolder(settingsFolder) ?? join(homedir(), 'TAPS Studio', 'library');
  const opened = await createStudio({
    libraryFolder,
    transport: 'electron',
    settingsFolder,
    platform: { choose: (purpose, many) => chooseFiles(window, purpose, many), reveal, logFile: log.transports.file.getFile().path },
  });
  studio = opened;
  serveWindow(opened, WINDOW_FOLDER);
  openDoor(opened, () => window);
  drawAttention(opened, () => window, () => notificationsWanted(opened));
  opened.onEvent(followEvent);
  refreshMenu();
  await followTheme(opened);
  showWindow();
  window?.webContents.once('did-finish-load', () => void openFiles(filesIn(process.argv, process.cwd())));
  watchForUpdates();
}

function showWindow(): void {
  if (studio === null) return;
  if (window === null || window.isDestroyed()) {
    window = openWindow(iconFile());
    window.on('close', (event) => {
      if (leaving || studio?.busy() !== true) return;
      event.preventDefault();
      void mayClose(window).then((yes) => {
        if (yes) void leave();
      });
    });
    window.on('closed', () => {
      window = null;
    });
    return;
  }
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}

/** Stops work with a checkpoint and closes the library before the program ends. */
async function leave(): Promise<void> {
  if (leaving) return;
  leaving = true;
  try {
    await studio?.close();
  } catch (error) {
    log.error('The studio could not be closed cleanly', error);
  }
  app.exit(0);
}

function tell(event: StudioEvent): void {
  if (window !== null && !window.isDestroyed()) window.webContents.send(CHANNELS.event, event);
}

function refreshMenu(): void {
  setMenu({
    command: (command) => {
      tell({ name: 'menu.command', payload: { command } });
    },
    openTask: (id) => {
      tell({ name: 'task.open', payload: { id } });
    },
    openLog: () => {
      shell.showItemInFolder(log.transports.file.getFile().path);
    },
    recent: studio?.recent() ?? [],
  });
}

function followEvent(event: StudioEvent): void {
  if (event.name === 'library.changed') refreshMenu();
  if (event.name === 'settings.changed') nativeTheme.themeSource = event.payload.theme;
}

async function followTheme(opened: Studio): Promise<void> {
  const state = await opened.handle('app.state', {});
  if (state.ok) nativeTheme.themeSource = (state.value as { settings: { theme: 'system' | 'light' | 'dark' } }).settings.theme;
}

async function notificationsWanted(opened: Studio): Promise<boolean> {
  const state = await opened.handle('app.state', {});
  return state.ok && (state.value as { settings: { notify: boolean } }).settings.notify;
}

function reveal(path: string): boolean {
  if (!existsSync(path)) return false;
  shell.showItemInFolder(path);
  return true;
}

/** Files and folders on a command line: what exists and is no option. The first word is the program, in a checkout the second the app. */
function filesIn(argv: readonly string[], folder: string): string[] {
  return argv
    .slice(app.isPackaged ? 1 : 2)
    .filter((word) => !word.startsWith('-'))
    .map((word) => resolve(folder, word))
    .filter((path) => existsSync(path));
}

async function openFiles(paths: readonly string[]): Promise<void> {
  const opened = studio;
  if (opened === null || paths.length === 0) return;
  const grants = await Promise.all(paths.map((path) => opened.grants.add(path)));
  tell({ name: 'files.opened', payload: { grants } });
}

/** For the window on Linux in a checkout; packaged apps have theirs. */
function iconFile(): string | null {
  const file = join(import.meta.dirname, '..', '..', 'resources', 'installer', 'icon.png');
  return existsSync(file) ? file : null;
}

async function runSmokeTest(): Promise<void> {
  try {
    guardPermissions();
    await smokeTest(
      async (opened) => {
        serveWindow(opened, WINDOW_FOLDER);
        window = openWindow(null);
        openDoor(opened, () => window);
        const shown = window;
        await new Promise<void>((done) => {
          shown.webContents.once('did-finish-load', () => {
            done();
          });
        });
        const heading = (await shown.webContents.executeJavaScript("new Promise((done) => { const look = () => { const found = document.querySelector('h1'); found ? done(found.textContent) : setTimeout(look, 50); }; look(); })")) as string;
        if (heading === '') throw new Error('The window shows nothing.');
      },
      (line) => process.stdout.write(`${line}\n`),
    );
    process.stdout.write('smoke test: passed\n');
    app.exit(0);
  } catch (error) {
    process.stderr.write(`smoke test: failed: ${error instanceof Error ? error.message : String(error)}\n`);
    app.exit(1);
  }
}
