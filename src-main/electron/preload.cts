/**
 * @file Runs in the window before its page, sandboxed: exposes three functions, the name of the system and nothing else. Files of a drop are turned into
 * paths here, out of the page's reach.
 */
const { contextBridge, ipcRenderer, webUtils } = require('electron') as typeof import('electron');

contextBridge.exposeInMainWorld('tapsStudio', {
  platform: process.platform,
  request: (name: string, input: unknown): Promise<unknown> => ipcRenderer.invoke('studio:request', name, input),
  onEvent: (listener: (event: unknown) => void): (() => void) => {
    const forward = (_event: unknown, payload: unknown): void => {
      listener(payload);
    };
    ipcRenderer.on('studio:event', forward);
    return () => {
      ipcRenderer.off('studio:event', forward);
    };
  },
  grantFiles: (files: readonly File[]): Promise<unknown> => ipcRenderer.invoke('studio:grant', files.map((file) => webUtils.getPathForFile(file))),
});
