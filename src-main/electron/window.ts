/** @file The one window: sandboxed, isolated, remembered. */
import { join } from 'node:path';
import { app, BrowserWindow, nativeTheme, screen } from 'electron';
import { mayLoadAgain } from './dialogs.ts';
import { log } from './log.ts';
import { WINDOW_URL } from './origin.ts';
import { readWindowState, visibleState, writeWindowState } from './window-state.ts';

const STANDARD = { width: 1280, height: 860 };
const LEAST = { minWidth: 760, minHeight: 560 };
/** A page that crashes again within this time is loaded a third time only when the person says so. */
const CRASH_PAUSE_MS = 30_000;

export function openWindow(iconFile: string | null): BrowserWindow {
  const state = visibleState(readWindowState(stateFile()), screen.getAllDisplays().map(({ workArea }) => workArea));
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
    rememberWindow(window);
  });
  reloadAfterCrash(window);
  void window.loadURL(WINDOW_URL);
  return window;
}

function stateFile(): string {
  return join(app.getPath('userData'), 'window.json');
}

/** For the next start. */
export function rememberWindow(window: BrowserWindow): void {
  if (!window.isDestroyed()) writeWindowState(stateFile(), { ...window.getNormalBounds(), maximized: window.isMaximized() });
}

/** Training goes on in its own process meanwhile; the new page asks how far it is. */
function reloadAfterCrash(window: BrowserWindow): void {
  let last = 0;
  window.webContents.on('render-process-gone', (_event, { reason, exitCode }) => {
    log.error(`The window's process ended: ${reason} (${String(exitCode)})`);
    if (reason === 'clean-exit' || window.isDestroyed()) return;
    const again = Date.now() - last < CRASH_PAUSE_MS;
    last = Date.now();
    if (!again) {
      log.info('The window is loaded again');
      // Not inside this event: Electron itself would crash.
      setImmediate(() => {
        if (!window.isDestroyed()) window.webContents.reload();
      });
      return;
    }
    void mayLoadAgain(window, reason).then((yes) => {
      if (yes && !window.isDestroyed()) window.webContents.reload();
    });
  });
  window.on('unresponsive', () => {
    log.warn('The window does not respond.');
  });
}
