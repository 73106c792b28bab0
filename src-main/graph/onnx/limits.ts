/** @file Bounds on what a model file may claim. They are checked before anything is allocated. */
import { TapsError } from '../../contract/errors.ts';

/** Protobuf's own limit. */
export const MAX_FILE_BYTES = 2 ** 31 - 1;
export const MAX_NODES = 200_000;
export const MAX_INITIALIZERS = 200_000;
export const MAX_RANK = 16;
export const MAX_NAME_BYTES = 4096;
export const MAX_METADATA_BYTES = 1_000_000;
/** Attributes with lists longer than this are not operators' parameters. */
export const MAX_LIST = 1_000_000;

export function malformed(what: string): TapsError {
  return new TapsError('model-malformed', `The ONNX file is damaged: ${what}.`, 'Export or download the model again.');
}

export function unsupported(what: string, advice: string): TapsError {
  return new TapsError('model-unsupported', `The ONNX file uses ${what}.`, advice);
}
