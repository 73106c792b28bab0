/** @file Updates: silent until a build is made with a feed (electron-builder then writes app-update.yml beside the app). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { app } from 'electron';
import updater from 'electron-updater';
import { log } from './log.ts';

export function watchForUpdates(): void {
  if (!app.isPackaged || !existsSync(join(process.resourcesPath, 'app-update.yml'))) return;
  const { autoUpdater } = updater;
  autoUpdater.logger = log;
  // A feed that cannot be reached is nothing a person must hear about.
  autoUpdater.checkForUpdatesAndNotify().catch((error: unknown) => {
    log.warn('The update feed could not be read', error);
  });
}
