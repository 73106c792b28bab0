/**
 * @file The log: a file in the system's folder for logs, its older half kept beside it. The variant of electron-log for plain Node is
 * used on purpose: the one for Electron opens a channel of its own to every page.
 */
import { join } from 'node:path';
import { app } from 'electron';
import log from 'electron-log/node.js';

// Only for names that `resolvePathFn` does not use; without one it refuses to write.
log.transports.file.setAppName(app.getName());
log.transports.file.resolvePathFn = () => logFile();
log.transports.console.level = 'warn';

export function logFile(): string {
  return join(app.getPath('logs'), 'main.log');
}

export { log };
