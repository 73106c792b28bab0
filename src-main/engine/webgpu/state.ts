/** @file Training state that stays on the GPU between steps; what the host writes goes there when a step first reads it. */
import type * as ort from 'onnxruntime-node';
import { TapsError } from '../../contract/errors.ts';
import { elementCount, type FloatTensor } from '../../contract/tensors.ts';
import type { EngineState } from '../types.ts';
import type { Transfers } from './transfers.ts';

interface Entry {
  shape: readonly number[];
  /** Current values on the host; undefined when only the GPU has them. */
  host: Float32Array | undefined;
  /** Current values on the GPU; undefined when only the host has them. */
  gpu: ort.Tensor | undefined;
}

export class GpuState implements EngineState {
  readonly #entries = new Map<string, Entry>();
  readonly #transfers: Transfers;

  constructor(initial: Record<string, FloatTensor>, transfers: Transfers) {
    this.#transfers = transfers;
    for (const [name, { shape, data }] of Object.entries(initial)) {
      if (elementCount(shape) !== data.length) throw new TapsError('internal', `State entry ${name} has ${String(data.length)} values for shape [${shape.join(', ')}].`, '');
      this.#entries.set(name, { shape, host: data, gpu: undefined });
    }
  }
  names(): string[] {
    return [...this.#entries.keys()];
  }
  shapeOf(name: string): readonly number[] {
    return this.#entry(name).shape;
  }
  async read(name: string): Promise<Float32Array> {
    const entry = this.#entry(name);
    if (entry.host === undefined && entry.gpu !== undefined) entry.host = await this.#transfers.download(entry.gpu);
    return (entry.host ?? new Float32Array()).slice();
  }
  write(name: string, data: Float32Array): void {
    this.lend(name, data.slice());
  }
  lend(name: string, data: Float32Array): void {
    const entry = this.#entry(name);
    const size = elementCount(entry.shape);
    if (size !== data.length) throw new TapsError('invalid-config', `State entry ${name} takes ${String(size)} values, not ${String(data.length)}.`, 'Restore a checkpoint of the same run.');
    entry.gpu?.dispose();
    entry.gpu = undefined;
    entry.host = data;
  }
  dispose(): void {
    for (const { gpu } of this.#entries.values()) gpu?.dispose();
    this.#entries.clear();
  }

  /** The tensor that a step reads. */
  async onGpu(name: string): Promise<ort.Tensor> {
    const entry = this.#entry(name);
    entry.gpu ??= await this.#transfers.upload(entry.host ?? new Float32Array(), entry.shape);
    return entry.gpu;
  }
  /** After a step: takes over what it wrote. */
  replace(name: string, tensor: ort.Tensor): void {
    const entry = this.#entry(name);
    if (entry.gpu !== tensor) entry.gpu?.dispose();
    entry.gpu = tensor;
    entry.host = undefined;
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new Error(`The state has no entry ${name}.`);
    return entry;
  }
}
