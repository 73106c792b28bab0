/** @file Reads a base from its two files and checks that they are the ones that were stored. */
import { readFile } from 'node:fs/promises';
import { TapsError } from '../contract/errors.ts';
import type { BaseFiles } from '../contract/trainer-protocol.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { analyseBase } from '../graph/analyse/analyse-base.ts';
import { joinWeights } from '../graph/topology.ts';
import type { BaseModel } from '../graph/types.ts';
import { sha256OfBytes } from '../platform/hash.ts';

/** @throws TapsError `library-damaged` when a file is missing or its hash differs */
export async function loadBase(files: BaseFiles): Promise<BaseModel> {
  const topology = await readVerified(files.graphPath, files.graphSha256);
  const { tensors } = readSafetensors(await readVerified(files.weightsPath, files.weightsSha256));
  return analyseBase(joinWeights(topology, tensors));
}

export async function readVerified(path: string, expected: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new TapsError('library-damaged', `The file ${path} cannot be read.`, 'Run taps library verify, then import the base again.', { cause: error });
  });
  const actual = sha256OfBytes(bytes);
  if (actual !== expected) {
    throw new TapsError('library-damaged', `The file ${path} has the hash ${actual} instead of ${expected}.`, 'Run taps library verify, then import the base again.');
  }
  return bytes;
}
