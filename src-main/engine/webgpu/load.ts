/** @file Starts WebGPU, or says exactly why it does not start. */
import * as ort from 'onnxruntime-node';
import { TapsError } from '../../contract/errors.ts';
import { chooseDevice } from '../device.ts';
import { describeAdapter, whyNoAdapter } from './adapter.ts';
import { DEFAULT_SUBMISSION_MS, GpuEngine } from './engine.ts';
import { messageOf } from './failures.ts';
import { Transfers } from './transfers.ts';

export interface WebGpuOptions {
  /** See ../device.ts; null: the one that the system prefers, a discrete one first. */
  device: string | undefined;
  /** See engine.ts; undefined: the variable TAPS_GPU_SUBMISSION_MS, or the default. */
  submissionMs?: number;
}

/** Its session is never released: the runtime drops its GPU with the last one, and crashes when something still holds a buffer of it. */
const keeper = new Transfers();

/** @returns the engine, or the reason why there is none. @throws TapsError `invalid-config` for a device or setting that cannot be */
export async function loadWebGpu({ device, submissionMs }: WebGpuOptions): Promise<{ engine: GpuEngine } | { reason: string }> {
  const options = { submissionMs: submissionMs ?? submissionSetting() };
  if (!ort.listSupportedBackends().some(({ name }) => name === 'webgpu')) {
    return { reason: `onnxruntime-node ${ort.env.versions.common} has no WebGPU for ${process.platform} ${process.arch} (it has for Windows, macOS on Apple silicon and Linux x64)` };
  }
  chooseDevice('webgpu', device);
  try {
    const tensor = await keeper.upload(Float32Array.of(1), [1]);
    tensor.dispose();
  } catch (error) {
    const message = messageOf(error);
    return { reason: /get a WebGPU adapter/.test(message) ? whyNoAdapter(shorten(message)) : `WebGPU did not start: ${shorten(message)}` };
  }
  return { engine: new GpuEngine(await describeAdapter(), options) };
}

function submissionSetting(): number {
  const text = process.env['TAPS_GPU_SUBMISSION_MS'];
  if (text === undefined || text === '') return DEFAULT_SUBMISSION_MS;
  const value = Number(text);
  if (Number.isFinite(value) && value >= 1 && value <= 60_000) return value;
  throw new TapsError('invalid-config', `TAPS_GPU_SUBMISSION_MS is '${text}', not a number of milliseconds from 1 to 60000.`, `Leave it out for ${String(DEFAULT_SUBMISSION_MS)}.`);
}

/** The runtime's messages begin with its source file and function; what counts comes last. */
function shorten(message: string): string {
  const at = message.lastIndexOf('was false. ');
  return at >= 0 ? message.slice(at + 'was false. '.length) : message;
}
