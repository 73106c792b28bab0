/** @file ONNX bytes → canonical graph. Inverse of `serializeOnnx` up to names of removed nodes. */
import { canonicalise } from './canonical/canonicalise.ts';
import { decodeModel } from './onnx/decode.ts';
import type { Graph } from './types.ts';

/** @throws TapsError `model-malformed` or `model-unsupported`; nothing else, whatever the bytes */
export function parseOnnx(bytes: Uint8Array): Graph {
  return canonicalise(decodeModel(bytes));
}
