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
  task: { kind: 'file', title: 'Import a packed task', filters: [{ name: 'Packed tasks', extensions: ['taps'] }] },
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

/** Whether to close although work is going on. A run stops with a checkpoint and can be resumed. */
export async function mayClose(window: BrowserWindow | null): Promise<boolean> {
  const options = {
    type: 'question' as const,
    title: 'TAPS Studio',
    message: 'Work is going on.',
    detail: 'A run stops with a checkpoint, and the next start offers to resume it. An import or an export leaves nothing behind.',
    buttons: ['Close', 'Keep working'],
    defaultId: 1,
    cancelId: 1,
  };
  const { response } = window === null ? await dialog.showMessageBox(options) : await dialog.showMessageBox(window, options);
  return response === 0;
}

/** After a page has crashed twice: whether to load it a third time. Runs go on meanwhile. */
export async function mayLoadAgain(window: BrowserWindow, reason: string): Promise<boolean> {
  const { response } = await dialog.showMessageBox(window, {
    type: 'error',
    title: 'TAPS Studio',
    message: 'The window has crashed twice.',
    detail: `Its process ended (${reason}). Runs go on in processes of their own, and nothing is lost.`,
    buttons: ['Load again', 'Leave as it is'],
    defaultId: 0,
    cancelId: 1,
  });
  return response === 0;
}
