/**
 * @file Arrays to the GPU and back. The runtime's binding moves data only as inputs and outputs of graphs, so these are graphs that do
 * nothing else, one per shape and direction.
 */
import * as ort from 'onnxruntime-node';
import { serializeOnnx } from '../../graph/onnx/encode.ts';
import { gpuFailure } from './failures.ts';
import { gpuSession } from './session.ts';

export class Transfers {
  readonly #sessions = new Map<string, Promise<ort.InferenceSession>>();

  /** A tensor that stays on the GPU until it is disposed of. */
  async upload(data: Float32Array, shape: readonly number[]): Promise<ort.Tensor> {
    const session = await this.#session(shape, 'gpu-buffer');
    return run(session, new ort.Tensor('float32', data, [...shape]), 'copying to the GPU');
  }

  async download(tensor: ort.Tensor): Promise<Float32Array> {
    const session = await this.#session(tensor.dims, 'cpu');
    return (await run(session, tensor, 'copying from the GPU')).data as Float32Array;
  }

  dispose(): void {
    for (const session of this.#sessions.values()) session.then((one) => one.release()).catch(() => undefined);
    this.#sessions.clear();
  }

  #session(shape: readonly number[], location: 'cpu' | 'gpu-buffer'): Promise<ort.InferenceSession> {
    const key = `${location}:${shape.join(',')}`;
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const value = (name: string): { name: string; dtype: 'float32'; shape: number[] } => ({ name, dtype: 'float32', shape: [...shape] });
    const graph = { name: 'copy', inputs: [value('x')], outputs: [value('y')], nodes: [{ name: 'copy', op: 'Identity', inputs: ['x'], outputs: ['y'], attributes: {} }], initializers: new Map(), metadata: {} };
    const made = gpuSession('copy', serializeOnnx(graph), { y: location });
    this.#sessions.set(key, made);
    return made;
  }
}

async function run(session: ort.InferenceSession, x: ort.Tensor, what: string): Promise<ort.Tensor> {
  try {
    const { y } = await session.run({ x });
    if (y === undefined) throw new Error('The copy returned nothing.');
    return y;
  } catch (error) {
    throw gpuFailure(what, error);
  }
}
