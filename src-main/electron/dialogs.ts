/** @file The system's own dialogs for choosing files and folders. */
import { dialog, type BrowserWindow, type OpenDialogOptions } from 'electron';
import type { FilePurpose } from '../contract/studio/app.ts';

const PICTURES = ['jpg', 'jpeg', 'png', 'webp', 'gif', 'tif', 'tiff', 'avif'];

/** By purpose: what may be chosen and what the dialog is called. */
const DIALOGS: Readonly<Record<FilePurpose, Pick<OpenDialogOptions, 'title' | 'filters'> & { kind: 'file' | 'folder'; make?: boolean }>> = {
  model: { kind: 'file', title: 'Import a base', filters: [{ name: 'Models', extensions: ['onnx', 'json'] }] },
  'model-folder': { kind: 'folder', title: 'Folder of a TensorFlow.js model' },
  'images-folder': { kind: 'folder', title: 'Folder of pictures' },
  'images-file': { kind: 'file', title: 'Pictures', filters: [{ name: 'Archives and tables', extensions: ['zip', 'csv'] }] },
  pictures: { kind: 'file', title: 'Pictures', filters: [{ name: 'Pictures', extensions: PICTURES }] },
  'task-folder': { kind: 'folder', title: 'Folder of a packed task' },
  'export-folder': { kind: 'folder', title: 'Where to save', make: true },
  'library-folder': { kind: 'folder', title: 'Folder of the library', make: true },
};

/** Absolute paths; empty when the dialog was closed. */
export async function chooseFiles(window: BrowserWindow | null, purpose: FilePurpose, many: boolean): Promise<string[]> {
  const { kind, make = false, ...words } = DIALOGS[purpose];
  const options: OpenDialogOptions = {
    ...words,
    properties: [kind === 'file' ? 'openFile' : 'openDirectory', ...(many ? (['multiSelections'] as const) : []), ...(make ? (['createDirectory', 'promptToCreate'] as const) : [])],
  };
  const { canceled, filePaths } = window === null ? await dialog.showOpenDialog(options) : await dialog.showOpenDialog(window, options);
  return canceled ? [] : filePaths;
}

/** Whether to close although a run is going. It stops with a checkpoint and can be resumed. */
export async function mayClose(window: BrowserWindow | null): Promise<boolean> {
  const options = {
    type: 'question' as const,
    title: 'TAPS Studio',
    message: 'A run is going or waiting.',
    detail: 'Closing stops it with a checkpoint. The next start offers to resume it.',
    buttons: ['Close', 'Keep working'],
    defaultId: 1,
    cancelId: 1,
  };
  const { response } = window === null ? await dialog.showMessageBox(options) : await dialog.showMessageBox(window, options);
  return response === 0;
}
