/** @file Makes engines by name and tells which of them work here. For child processes only: engines block while they compute. */
import { TapsError } from '../contract/errors.ts';
import { ENGINE_IDS } from '../contract/training.ts';
import { chooseDevice } from './device.ts';
import { EagerEngine } from './eager/engine.ts';
import { loadTensorflow } from './eager/load-tensorflow.ts';
import { registerGradients } from './gradients/index.ts';
import type { Engine, EngineId, EngineInfo } from './types.ts';

export interface EngineOptions {
  /** CPU threads of one operator; 0 = all cores. Only `onnxruntime` can be told. */
  threads: number;
  /** Which GPU (device.ts); absent: what TAPS_DEVICE in the environment says, else the engine's own choice. */
  device?: string;
  /** `webgpu`: longest submission in milliseconds on a weak GPU; absent: TAPS_GPU_SUBMISSION_MS or the default. */
  submissionMs?: number;
  /** File prefix for the runtime's own profile (benchmarks). */
  profile?: string;
}

/** @throws TapsError `engine-unavailable` with the exact reason, `invalid-config` for a device that cannot be */
export async function createEngine(id: EngineId, options: EngineOptions): Promise<Engine> {
  registerGradients();
  const device = options.device ?? process.env['TAPS_DEVICE'];
  switch (id) {
    case 'onnxruntime': {
      const runtime = await import('./onnxruntime/engine.ts').catch((error: unknown) => {
        throw unavailable(id, reason(error));
      });
      return new runtime.RuntimeEngine(options);
    }
    case 'webgpu': {
      const runtime = await import('./webgpu/load.ts').catch((error: unknown) => {
        throw unavailable(id, reason(error));
      });
      const loaded = await runtime.loadWebGpu({ device, ...(options.submissionMs === undefined ? {} : { submissionMs: options.submissionMs }) });
      if ('reason' in loaded) throw unavailable(id, loaded.reason);
      return loaded.engine;
    }
    case 'tensorflow': {
      chooseDevice(id, device);
      const { backend, description } = await loadTensorflow();
      if (backend === null) throw unavailable(id, description);
      return new EagerEngine(id, backend, description);
    }
    case 'reference': {
      // A development dependency: checks the other engines, never trains for a user.
      const packageName = '@tensorflow/tfjs-backend-cpu';
      await import(packageName).catch((error: unknown) => {
        throw unavailable(id, `${packageName} is not installed: ${reason(error)}`);
      });
      return new EagerEngine(id, 'cpu', 'tfjs in plain JavaScript (slow; for checking other engines)');
    }
  }
}

/** One entry per engine: works, or the exact reason why not. Each available one has multiplied two matrices. */
export async function describeEngines(): Promise<EngineInfo[]> {
  const infos: EngineInfo[] = [];
  for (const id of ENGINE_IDS) {
    try {
      const engine = await createEngine(id, { threads: 1 });
      await tryProduct(engine);
      infos.push({ id, available: true, description: engine.description });
      engine.dispose();
    } catch (error) {
      infos.push({ id, available: false, description: error instanceof TapsError && error.code === 'engine-unavailable' ? error.message : reason(error) });
    }
  }
  return infos;
}

/** [[1, 2], [3, 4]]·[[1, 1], [1, 1]] must be [[3, 3], [7, 7]]. */
async function tryProduct(engine: Engine): Promise<void> {
  const { tf } = await import('./tfjs.ts');
  const state = engine.createState({});
  const step = await engine.compile(
    {
      name: 'self-test',
      feeds: { a: [2, 2], b: [2, 2] },
      reads: [],
      writes: [],
      results: ['product'],
      constants: {},
      program: ({ feeds }) => {
        const { a, b } = feeds;
        if (a === undefined || b === undefined) throw new Error('unreachable');
        return { state: {}, results: { product: tf.matMul(a, b) } };
      },
    },
    state,
  );
  const { product } = await step.run({ a: Float32Array.of(1, 2, 3, 4), b: new Float32Array(4).fill(1) });
  step.dispose();
  state.dispose();
  if (product === undefined || [3, 3, 7, 7].some((value, index) => product[index] !== value)) {
    throw new TapsError('engine-failed', `${engine.id} multiplied two matrices wrongly: [${String(product?.join(', '))}].`, 'Update the driver or choose another engine.');
  }
}

function unavailable(id: EngineId, why: string): TapsError {
  return new TapsError('engine-unavailable', `Engine ${id} cannot be used: ${why}.`, 'Choose --engine onnxruntime, which needs nothing beyond this package.');
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message.split('\n')[0] ?? error.message : String(error);
}
