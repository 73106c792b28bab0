/** @file Words for choosing files and folders. */
import type { FilePurpose } from '../../../src-main/contract/studio/app.ts';

const titles: Record<FilePurpose, string> = {
  model: 'Choose a model file',
  'model-folder': 'Choose the folder of a TensorFlow.js model',
  'images-folder': 'Choose a folder of pictures',
  'images-file': 'Choose a zip or CSV file',
  pictures: 'Choose pictures',
  task: 'Choose a packed task',
  'task-folder': 'Choose the folder of a packed task',
  'export-folder': 'Choose where to save',
  'library-folder': 'Choose a folder for the library',
};

export const files = {
  titles,
  onThisComputer: 'Files where the studio runs',
  send: 'Files of this computer, which are sent to the studio',
  chooseThisFolder: 'Use this folder',
  up: 'Folder above',
  empty: 'Nothing here that fits.',
  omitted: (count: number): string => `${String(count)} more are not shown`,
  sending: (percent: string): string => `Sending files… ${percent}`,
  folder: 'folder',
};
