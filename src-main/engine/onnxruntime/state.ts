/** @file Training state as runtime tensors: entries that a step cannot write in place have two, which swap roles. No allocation per step. */
import * as ort from 'onnxruntime-node';
import { TapsError } from '../../contract/errors.ts';
import { elementCount, type FloatTensor } from '../../contract/tensors.ts';
import type { EngineState } from '../types.ts';

interface Entry {
  shape: readonly number[];
  current: ort.Tensor;
  spare: ort.Tensor | undefined;
}

export class RuntimeState implements EngineState {
  readonly #entries = new Map<string, Entry>();

  constructor(initial: Record<string, FloatTensor>) {
    for (const [name, { shape, data }] of Object.entries(initial)) {
      if (elementCount(shape) !== data.length) {
        throw new TapsError('internal', `State entry ${name} has ${String(data.length)} values for shape [${shape.join(', ')}].`, '');
      }
      this.#entries.set(name, { shape, current: tensorOf(data, shape), spare: undefined });
    }
  }

  names(): string[] {
    return [...this.#entries.keys()];
  }
  shapeOf(name: string): readonly number[] {
    return this.#entry(name).shape;
  }
  read(name: string): Promise<Float32Array> {
    return Promise.resolve((this.#entry(name).current.data as Float32Array).slice());
  }
  write(name: string, data: Float32Array): void {
    const target = this.#entry(name).current.data as Float32Array;
    if (target.length !== data.length) {
      throw new TapsError('invalid-config', `State entry ${name} takes ${String(target.length)} values, not ${String(data.length)}.`, 'Restore a checkpoint of the same run.');
    }
    target.set(data);
  }
  lend(name: string, data: Float32Array): void {
    const entry = this.#entry(name);
    if (elementCount(entry.shape) !== data.length) {
      throw new TapsError('invalid-config', `State entry ${name} takes ${String(elementCount(entry.shape))} values, not ${String(data.length)}.`, 'Use weights of the same network.');
    }
    entry.current = tensorOf(data, entry.shape);
  }
  dispose(): void {
    this.#entries.clear();
  }

  /** Tensor that a step reads, and writes where it may do so in place. */
  current(name: string): ort.Tensor {
    return this.#entry(name).current;
  }
  /** Tensor that a step writes its new value into while the present one is still read. */
  spare(name: string): ort.Tensor {
    const entry = this.#entry(name);
    entry.spare ??= tensorOf(new Float32Array(elementCount(entry.shape)), entry.shape);
    return entry.spare;
  }
  /** After a step: what was written is what the next one reads. */
  swap(name: string): void {
    const entry = this.#entry(name);
    if (entry.spare === undefined) return;
    [entry.current, entry.spare] = [entry.spare, entry.current];
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new Error(`The state has no entry ${name}.`);
    return entry;
  }
}

export function tensorOf(data: Float32Array, shape: readonly number[]): ort.Tensor {
  return new ort.Tensor('float32', data, [...shape]);
}
