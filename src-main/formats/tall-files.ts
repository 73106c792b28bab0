/**
 * @file TALL masks as files: the shared vector, and for each task its masks with everything else that is its own (normalisation, head).
 * Both are safetensors with packed tensors; neither is a task by itself.
 */
import { TapsError } from '../contract/errors.ts';
import type { FloatTensor, HostTensor } from '../contract/tensors.ts';
import type { TaskArtifact } from '../contract/training.ts';
import { isPacked } from '../core/bits.ts';
import { maskedVector } from '../core/tall-masks.ts';
import type { FormSpec } from './forms/form.ts';
import { packTensors, unpackTensors } from './packed-tensors.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { decodeTaskFile, encodeTaskFile, tensorsOf } from './task-file.ts';

const SHARED = 'shared.';
const MASK = 'tall.';
const HALF: FormSpec = { form: 'float16' };

function malformed(message: string): TapsError {
  return new TapsError('model-malformed', `Not valid TALL masks: ${message}.`, 'Make them again with taps tall.');
}

/** float16, packed. Reverse: `readSharedVector`. @param vectors τ_MTL by weight name */
export function writeSharedVector(baseId: string, vectors: ReadonlyMap<string, FloatTensor>): Uint8Array {
  const tensors = new Map([...vectors].map(([name, { shape, data }]): [string, HostTensor] => [SHARED + name, { dtype: 'float32', shape, data }]));
  return writeSafetensors(packTensors(tensors, () => HALF), { 'taps.tall': 'shared', 'taps.base': baseId });
}

/** @throws TapsError `model-malformed` */
export function readSharedVector(bytes: Uint8Array): Map<string, FloatTensor> {
  const { tensors, metadata } = readSafetensors(bytes);
  if (metadata['taps.tall'] !== 'shared') throw malformed('the file is no shared vector');
  return new Map(
    [...unpackTensors(tensors)].map(([key, { shape, data }]): [string, FloatTensor] => {
      if (!key.startsWith(SHARED) || !(data instanceof Float32Array)) throw malformed(`${key.slice(0, 100)} is no part of a shared vector`);
      return [key.slice(SHARED.length), { shape, data }];
    }),
  );
}

/**
 * @param own the task without changed layers: normalisation as differences, head
 * @param masks by weight name, as `packBits` makes them
 */
export function writeTallTask(own: TaskArtifact, masks: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const { metadata } = readSafetensors(encodeTaskFile(own, () => HALF));
  const tensors = new Map<string, HostTensor>([...tensorsOf(own), ...[...masks].map(([name, bits]): [string, HostTensor] => [MASK + name, { dtype: 'uint8', shape: [bits.length], data: bits }])]);
  return writeSafetensors(packTensors(tensors, () => HALF), { ...metadata, 'taps.tall': 'task' });
}

/**
 * The task as it is computed with: layers with m ⊙ τ_MTL as their δ.
 * @throws TapsError `model-malformed` when masks and vector do not fit each other
 */
export function readTallTask(bytes: Uint8Array, shared: ReadonlyMap<string, FloatTensor>): TaskArtifact {
  const { tensors, metadata } = readSafetensors(bytes);
  if (metadata['taps.tall'] !== 'task') throw malformed('the file is no task with masks');
  const own = new Map<string, HostTensor>();
  const deltas = new Map<string, FloatTensor>();
  for (const [key, tensor] of unpackTensors(tensors)) {
    if (!key.startsWith(MASK)) {
      own.set(key, tensor);
      continue;
    }
    const name = key.slice(MASK.length);
    const vector = shared.get(name);
    if (vector === undefined || !(tensor.data instanceof Uint8Array) || !isPacked(tensor.data, vector.data.length)) throw malformed(`the mask of ${name.slice(0, 100)} fits no part of the shared vector`);
    deltas.set(name, { shape: vector.shape, data: maskedVector(vector.data, tensor.data) });
  }
  const rest = decodeTaskFile(writeSafetensors(packTensors(own, () => ({ form: 'float32' })), metadata));
  return { ...rest, layers: rest.layers.map((layer) => ({ ...layer, open: deltas.has(layer.name) })), deltas: new Map([...rest.deltas, ...deltas]) };
}
