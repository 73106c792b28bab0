/** @file Sessions of onnxruntime on its WebGPU provider, all with the same options: the first one decides for the process. */
import * as ort from 'onnxruntime-node';
import { gpuFailure } from './failures.ts';

export async function gpuSession(name: string, model: Uint8Array, outputs: Record<string, 'cpu' | 'gpu-buffer'>): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, {
      // Shapes never change, so buffers of exactly the same size come again: nothing is rounded up.
      executionProviders: [{ name: 'webgpu', preferredLayout: 'NCHW', storageBufferCacheMode: 'simple' }],
      preferredOutputLocation: outputs,
      graphOptimizationLevel: 'all',
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw gpuFailure(`preparing '${name}'`, error);
  }
}
