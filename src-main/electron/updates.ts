/** @file Updates: silent until a build is made with a feed (electron-builder then writes app-update.yml beside the app). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { app } from 'electron';
import { log } from './log.ts';

export async function watchForUpdates(): Promise<void> {
  if (!app.isPackaged || !existsSync(join(process.resourcesPath, 'app-update.yml'))) return;
  // Loaded only where there is a feed: it takes longer than all of the window.
  const { autoUpdater } = (await import('electron-updater')).default;
  autoUpdater.logger = log;
  // A feed that cannot be reached is nothing a person must hear about.
  await autoUpdater.checkForUpdatesAndNotify().catch((error: unknown) => {
    log.warn('The update feed could not be read', error);
  });
}
