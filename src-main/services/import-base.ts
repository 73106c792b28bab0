/** @file Use-case: a model file becomes a base of the library. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import { PREPROCESSING_PRESETS, preprocessingSchema, type Preprocessing } from '../contract/preprocessing.ts';
import type { BaseRecord } from '../contract/records.ts';
import type { ImportRequest, ImportResult } from '../model-io/protocol.ts';
import { withRequestChild } from '../supervisor/request-child.ts';
import type { Library } from './open-library.ts';

export type PreprocessingPreset = keyof typeof PREPROCESSING_PRESETS;

export interface ImportBaseOptions {
  /** .onnx file, model.json of a TensorFlow.js LayersModel, or a folder that has one of them. */
  path: string;
  /** Default: after the file. */
  name?: string | undefined;
  /** Default: what the file's metadata say, else `imagenet`. */
  preprocessing?: PreprocessingPreset | undefined;
  /** Side of the input in pixels; default: the file's. */
  imageSize?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Stand-in where neither the file nor the caller says it. */
const USUAL_IMAGE_SIZE = 224;

/**
 * Reads the file in a child process and stores it. The same bytes under another name return the base that is there.
 * @throws TapsError `model-unsupported`, `model-malformed`, `model-kind`, `not-found`, `already-exists`, `invalid-config`, …
 */
export async function importBase(library: Library, options: ImportBaseOptions): Promise<{ base: BaseRecord; alreadyThere: boolean }> {
  const path = resolve(options.path);
  await mkdir(library.cacheFolder, { recursive: true });
  const outputFolder = await mkdtemp(join(library.cacheFolder, 'import-'));
  try {
    const request: ImportRequest = { path, outputFolder };
    const imported = (await withRequestChild('model-io', (child) =>
      child.request('import', request, options.signal === undefined ? {} : { signal: options.signal }),
    )) as ImportResult;
    const known = new Set(library.bases.list().map(({ id }) => id));
    const base = await library.bases.add({
      name: options.name ?? imported.suggestedName,
      graph: imported.graphPath,
      weights: imported.weightsPath,
      preprocessing: preprocessingOf(imported, options),
      classNames: imported.classNames,
      summary: imported.summary,
      source: path,
    });
    return { base, alreadyThere: known.has(base.id) };
  } finally {
    await rm(outputFolder, { recursive: true, force: true });
  }
}

function preprocessingOf(imported: ImportResult, { preprocessing, imageSize }: ImportBaseOptions): Preprocessing {
  if (imageSize !== undefined && imported.imageSize !== null && imageSize !== imported.imageSize) {
    throw new TapsError('invalid-config', `The model takes images of ${imported.imageSize}×${imported.imageSize} pixels only, not ${imageSize}.`, 'Leave --image-size out, or export the model with a variable input size.');
  }
  const side = imageSize ?? imported.imageSize ?? imported.preprocessing?.imageSize ?? USUAL_IMAGE_SIZE;
  const convention = preprocessing === undefined ? (imported.preprocessing ?? PREPROCESSING_PRESETS.imagenet) : PREPROCESSING_PRESETS[preprocessing];
  const parsed = preprocessingSchema.safeParse({ ...convention, imageSize: side });
  if (!parsed.success) throw new TapsError('invalid-config', `An image size of ${side} pixels is not possible (8 to 1024).`, 'Choose another --image-size.');
  return parsed.data;
}
