/**
 * @file The one door between window and main side. Sender, size and shape are checked here; handlers never see who asked. This file
 * and the preload script are the only ones that name a channel.
 */
import { ipcMain, type BrowserWindow, type IpcMainInvokeEvent } from 'electron';
import { envelopeOf, TapsError } from '../contract/errors.ts';
import type { Grant } from '../contract/studio/common.ts';
import type { Reply } from '../contract/studio/contract.ts';
import type { StudioEvent } from '../contract/studio/events.ts';
import { MAX_REQUEST_BYTES } from '../contract/studio/limits.ts';
import type { Studio } from '../studio/studio.ts';
import { isOwnUrl } from './origin.ts';
import { plainSize } from './plain-size.ts';

const CHANNELS = { request: 'studio:request', grant: 'studio:grant', event: 'studio:event' } as const;
const MOST_PATHS = 10_000;

/** Requests that come before the studio is there wait for it. */
export function openDoor(studio: Promise<Studio>, windowOf: () => BrowserWindow | null): void {
  const guard =
    <T>(work: (...values: unknown[]) => Promise<Reply<T>>) =>
    async (event: IpcMainInvokeEvent, ...values: unknown[]): Promise<Reply<T>> => {
      try {
        if (!isOwnWindow(event, windowOf())) throw new TapsError('usage', 'The request did not come from the studio’s window.', 'Close the page that sent it.');
        refuseLarge(values);
        return await work(...values);
      } catch (error) {
        return { ok: false, error: envelopeOf(error) };
      }
    };
  ipcMain.handle(CHANNELS.request, guard(async (name, input) => (await studio).handle(name, input)));
  ipcMain.handle(CHANNELS.grant, guard(async (paths) => grantAll(await studio, paths)));
}

/** What happens on the main side, for the page. */
export function forwardEvents(studio: Studio, windowOf: () => BrowserWindow | null): void {
  studio.onEvent((event) => {
    tellWindow(windowOf(), event);
  });
}

/** A window that is gone, or whose page has crashed, hears nothing; a new page asks for what it needs. */
export function tellWindow(window: BrowserWindow | null, event: StudioEvent): void {
  if (window === null || window.isDestroyed() || window.webContents.isCrashed()) return;
  window.webContents.send(CHANNELS.event, event);
}

/** The top frame of the one window, showing the app's own page. */
function isOwnWindow({ sender, senderFrame }: IpcMainInvokeEvent, window: BrowserWindow | null): boolean {
  if (window === null || window.isDestroyed() || sender !== window.webContents || senderFrame === null) return false;
  return senderFrame === sender.mainFrame && isOwnUrl(senderFrame.url);
}

/** @throws TapsError `usage`; what cannot be written as JSON is no request of ours */
function refuseLarge(values: unknown[]): void {
  const size = plainSize(values, MAX_REQUEST_BYTES);
  if (size === 'not-plain') throw new TapsError('usage', 'The request is not plain data.', 'Load the window again.');
  if (size === 'too-large') throw new TapsError('usage', `The request has more than ${String(MAX_REQUEST_BYTES)} characters.`, 'Choose fewer items.');
}

/** Paths come from the preload script, which has them from a real drop; a page cannot make them up. */
async function grantAll(studio: Studio, paths: unknown): Promise<Reply<Grant[]>> {
  if (!Array.isArray(paths) || paths.length > MOST_PATHS || !paths.every((path) => typeof path === 'string' && path !== '')) {
    throw new TapsError('usage', 'The dropped items are no files of this computer.', 'Save them as files first, then drop those.');
  }
  return { ok: true, value: await Promise.all((paths as string[]).map((path) => studio.grants.add(path))) };
}
