/** @file `taps studio --serve`: the studio for a browser, on this machine or through a tunnel. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { TapsError } from '../../contract/errors.ts';
import { serveLoopback, uploadFolderOf } from '../../studio/loopback/server.ts';
import { rememberedLibraryFolder } from '../../studio/settings.ts';
import { createStudio } from '../../studio/studio.ts';
import { runCommand } from '../context.ts';
import { parseInteger } from '../options/parse.ts';

interface Options {
  serve?: boolean;
  port: number;
  open?: boolean;
}

const TUNNEL = `
On another machine, say a GPU server, start it there with --serve --port 7337 and tunnel from here:
  ssh -L 7337:127.0.0.1:7337 you@server
then open the address it printed in the browser here. Nothing but 127.0.0.1 is ever listened on.`;

export function studioCommand(): Command {
  return new Command('studio')
    .description('serve the studio to a browser on 127.0.0.1, with a token in the address (Ctrl-C ends it; a running training keeps a checkpoint)')
    .option('--serve', 'serve to a browser')
    .option('--port <number>', 'port to listen on, 0 = any free one', parseInteger, 0)
    .option('--open', 'open the browser')
    .addHelpText('after', TUNNEL)
    .action((options: Options, command: Command) =>
      runCommand(command, async ({ libraryFolder, libraryOption, terminal, signal }) => {
        if (options.serve !== true) throw new TapsError('usage', 'The desktop window is started from a checkout or an installer.', 'Use npm start in a checkout, or taps studio --serve for a browser.');
        const windowFolder = join(import.meta.dirname, '..', '..', '..', 'dist', 'renderer');
        if (!existsSync(join(windowFolder, 'index.html'))) throw new TapsError('not-found', `The window is not built: there is no ${windowFolder}.`, 'Run npm run build in the checkout, or install the package again.');
        const settingsFolder = process.env['TAPS_SETTINGS'] ?? join(homedir(), 'TAPS Studio', 'settings');
        const folder = libraryOption === undefined && process.env['TAPS_LIBRARY'] === undefined ? (rememberedLibraryFolder(settingsFolder) ?? libraryFolder) : libraryFolder;
        const studio = await createStudio({ libraryFolder: folder, transport: 'loopback', platform: { choose: null, reveal: null, logFile: null }, settingsFolder });
        try {
          const server = await serveLoopback({ studio, windowFolder, uploadFolder: uploadFolderOf(folder), port: options.port });
          terminal.result(`The studio is at ${server.url}`, { url: server.url, port: server.port, library: folder });
          if (options.open === true) openBrowser(server.url);
          await untilAborted(signal);
          terminal.warn('Closing; a running training is stopped with a checkpoint.');
          await server.close();
        } finally {
          await studio.close();
        }
      }),
    );
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Where this fails, the printed address is still there. */
function openBrowser(url: string): void {
  const [command = 'xdg-open', ...rest] = process.platform === 'win32' ? ['rundll32', 'url.dll,FileProtocolHandler'] : [process.platform === 'darwin' ? 'open' : 'xdg-open'];
  const child = spawn(command, [...rest, url], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
