/** @file For tests of services: a library of its own, some of the sample pictures, the embedded base. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PREPROCESSING_PRESETS, type Preprocessing } from '../../src-main/contract/preprocessing.ts';
import { openLibrary, type Library } from '../../src-main/services/open-library.ts';

export const SAMPLES = new URL('../../resources/samples/', import.meta.url).pathname;
export const BASE_FILE = new URL('../../resources/base/cifar10-resnet.onnx', import.meta.url).pathname;
export const SMALL: Preprocessing = { ...PREPROCESSING_PRESETS.unit, imageSize: 32 };

export interface Workplace {
  folder: string;
  library: Library;
  remove: () => void;
}

export function workplace(): Workplace {
  const folder = mkdtempSync(join(tmpdir(), 'taps-services-'));
  const library = openLibrary(join(folder, 'library'), { create: true });
  return {
    folder,
    library,
    remove: () => {
      library.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** `perClass` pictures each of the first classes of the drawings, in class folders without splits. Returns the paths relative to `target`. */
export function copyDrawings(target: string, classes: number, perClass: number): string[] {
  const from = join(SAMPLES, 'drawings/train');
  return readdirSync(from).sort().slice(0, classes).flatMap((name) => {
    mkdirSync(join(target, name), { recursive: true });
    return readdirSync(join(from, name)).sort().slice(0, perClass).map((file) => {
      cpSync(join(from, name, file), join(target, name, file));
      return `${name}/${file}`;
    });
  });
}
