/** @file Form `float32`: the numbers themselves, the four bytes of each in four streams. Nothing is lost. */
import { elementCount } from '../../contract/tensors.ts';
import type { StreamLengths, StreamName, StreamReader, StreamWriter } from './streams.ts';

export interface Float32Entry {
  form: 'float32';
}

const PLANES: readonly StreamName[] = ['float0', 'float1', 'float2', 'float3'];

export function encodeFloat32(data: Float32Array, out: StreamWriter): Float32Entry {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  PLANES.forEach((name, plane) => {
    const own = new Uint8Array(data.length);
    for (let index = 0; index < own.length; index++) own[index] = bytes[4 * index + plane] ?? 0;
    out.push(name, own);
  });
  return { form: 'float32' };
}

export function float32Lengths(shape: readonly number[]): StreamLengths {
  return Object.fromEntries(PLANES.map((name) => [name, elementCount(shape)]));
}

export function decodeFloat32(shape: readonly number[], input: StreamReader): Float32Array {
  const data = new Float32Array(elementCount(shape));
  const bytes = new Uint8Array(data.buffer);
  PLANES.forEach((name, plane) => {
    const own = input.take(name, data.length);
    for (let index = 0; index < own.length; index++) bytes[4 * index + plane] = own[index] ?? 0;
  });
  return data;
}
