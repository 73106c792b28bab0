/** @file The one window: sandboxed, isolated, remembered. */
import { join } from 'node:path';
import { app, BrowserWindow, nativeTheme, screen } from 'electron';
import log from 'electron-log/main.js';
import { WINDOW_URL } from './origin.ts';
import { readWindowState, visibleState, writeWindowState } from './window-state.ts';

const STANDARD = { width: 1280, height: 860 };
const LEAST = { minWidth: 760, minHeight: 560 };
/** A page that crashes again within this time is not loaded a third time. */
const CRASH_PAUSE_MS = 30_000;

export function openWindow(iconFile: string | null): BrowserWindow {
  const stateFile = join(app.getPath('userData'), 'window.json');
  const state = visibleState(readWindowState(stateFile), screen.getAllDisplays().map(({ workArea }) => workArea));
  const window = new BrowserWindow({
    ...STANDARD,
    ...(state === null ? {} : { x: state.x, y: state.y, width: state.width, height: state.height }),
    ...LEAST,
    show: false,
    title: 'TAPS Studio',
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#12151a' : '#f6f7f9',
    ...(iconFile === null ? {} : { icon: iconFile }),
    webPreferences: {
      preload: join(import.meta.dirname, 'preload.cjs'),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      spellcheck: false,
    },
  });
  if (state?.maximized === true) window.maximize();
  window.once('ready-to-show', () => {
    window.show();
  });
  window.on('close', () => {
    writeWindowState(stateFile, { ...window.getNormalBounds(), maximized: window.isMaximized() });
  });
  reloadAfterCrash(window);
  void window.loadURL(WINDOW_URL);
  return window;
}

/** Training goes on in its own process meanwhile; the new page asks how far it is. */
function reloadAfterCrash(window: BrowserWindow): void {
  let last = 0;
  window.webContents.on('render-process-gone', (_event, { reason, exitCode }) => {
    log.error(`The window's process ended: ${reason} (${String(exitCode)})`);
    if (reason === 'clean-exit' || window.isDestroyed() || Date.now() - last < CRASH_PAUSE_MS) return;
    last = Date.now();
    window.webContents.reload();
  });
  window.on('unresponsive', () => {
    log.warn('The window does not respond.');
  });
}
