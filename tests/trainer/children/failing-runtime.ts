/**
 * @file A trainer whose runtime fails on purpose, in the words of the real ones; everything else is the real trainer.
 * TEST_ROOM: pictures that there is room for at once, else as onnxruntime's CPU arena fails.
 * TEST_LOSS: a file; while it exists a GPU is lost at the fifth step, which takes the file away.
 */
import { existsSync, rmSync } from 'node:fs';
import { InferenceSession } from 'onnxruntime-node';
import { gpuFailure } from '../../../src-main/engine/webgpu/failures.ts';

const room = Number(process.env['TEST_ROOM'] ?? Infinity);
const loss = process.env['TEST_LOSS'];
let steps = 0;
const prototype = Object.getPrototypeOf(await emptySession()) as { run: InferenceSession['run'] };
const { run } = prototype;
prototype.run = function (this: InferenceSession, ...given: Parameters<InferenceSession['run']>) {
  const pictures = given[0]['feed:images']?.dims[0] ?? 0;
  if (pictures > 0 && loss !== undefined && ++steps === 5 && existsSync(loss)) {
    rmSync(loss);
    return Promise.reject(gpuFailure("the step 'train'", new Error('Failed to download data from buffer. wgpu::MapAsyncStatus value: 4')));
  }
  if (pictures <= room) return run.apply(this, given);
  const bytes = String(pictures * 2 ** 26);
  return Promise.reject(new Error(`Non-zero status code returned while running Conv node. Name:'n20_Conv' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:359 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size ${bytes}`));
} as InferenceSession['run'];
await import('../../../src-main/trainer/main.ts');

/** The class behind sessions is not exported: one is made of the smallest graph. */
async function emptySession(): Promise<InferenceSession> {
  const { serializeOnnx } = await import('../../../src-main/graph/onnx/encode.ts');
  const value = (name: string): { name: string; dtype: 'float32'; shape: number[] } => ({ name, dtype: 'float32', shape: [1] });
  const graph = { name: 'nothing', inputs: [value('x')], outputs: [value('y')], nodes: [{ name: 'n', op: 'Identity', inputs: ['x'], outputs: ['y'], attributes: {} }], initializers: new Map<string, never>(), metadata: {} };
  return InferenceSession.create(serializeOnnx(graph));
}
