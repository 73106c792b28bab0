/** @file Electron's main process, from its first moment: what must be said before the app is ready, then the window or the smoke test. */
import { app, dialog } from 'electron';
import { useSpawner } from '../supervisor/spawn-child.ts';
import { filesIn } from './command-line.ts';
import { Desktop } from './desktop.ts';
import { guardNetwork, guardPermissions, guardWebContents } from './guards.ts';
import { log, logFile } from './log.ts';
import { registerScheme } from './protocol.ts';
import { startUtilityChild } from './utility-child.ts';

const SMOKE_TEST = process.argv.includes('--smoke-test');

// Under this name Windows shows notifications and groups windows; the installer uses the same.
app.setAppUserModelId('org.taps-studio.app');
useSpawner(startUtilityChild);
registerScheme();
// Root on Linux has no sandbox to give, and every process that asks for one ends at once: whoever starts it so has said so with the switch.
if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox();
guardWebContents();
if (SMOKE_TEST) log.transports.console.level = false;
process.on('uncaughtException', (error) => {
  log.error('Unexpected failure in the main process', error);
});
process.on('unhandledRejection', (error) => {
  log.error('Unexpected failure in the main process', error);
});

if (SMOKE_TEST) {
  void app
    .whenReady()
    .then(guardSession)
    .then(async () => (await import('./smoke-test.ts')).runSmokeTest());
} else if (!app.requestSingleInstanceLock()) app.quit();
else void openDesktop(new Desktop());

function guardSession(): void {
  guardPermissions();
  guardNetwork();
}

async function openDesktop(desktop: Desktop): Promise<void> {
  app.on('second-instance', (_event, argv, folder) => {
    desktop.showWindow();
    void desktop.openFiles(filesIn(argv, folder, app.getAppPath()));
  });
  app.on('open-file', (event, path) => {
    event.preventDefault();
    void desktop.openFiles([path]);
  });
  app.on('activate', () => {
    desktop.showWindow();
  });
  app.on('window-all-closed', () => {
    app.quit();
  });
  // The end of the session, a signal, an update: nobody is there to be asked.
  app.on('before-quit', (event) => {
    if (desktop.closed) return;
    event.preventDefault();
    void desktop.leave();
  });
  try {
    await app.whenReady();
    guardSession();
    await desktop.start(filesIn(process.argv, process.cwd(), app.getAppPath()));
  } catch (error) {
    log.error('The studio could not start', error);
    dialog.showErrorBox('TAPS Studio could not start', `${error instanceof Error ? error.message : String(error)}\n\nThe log is ${logFile()}.`);
    app.exit(1);
  }
}
