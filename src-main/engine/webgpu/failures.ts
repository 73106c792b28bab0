/** @file What the runtime's words mean when a GPU fails. */
import { TapsError } from '../../contract/errors.ts';
import { saysOutOfMemory } from '../../core/out-of-memory.ts';

/** `details.deviceLost` of an error after which this process cannot use its GPU any more; a fresh one can go on from the checkpoint. */
export const DEVICE_LOST = { deviceLost: true } as const;

/** Reading back ends with `Aborted` (4) when the device is gone, whatever the reason. */
const LOST = /device (was |is )?lost|DeviceLost|DEVICE_LOST|\[Device[^\]]*\] is lost|DXGI_ERROR_DEVICE_(REMOVED|HUNG|RESET)|MapAsyncStatus value: 4/i;

/** @param what the work that failed, such as "the step 'train'" */
export function gpuFailure(what: string, error: unknown): TapsError {
  if (error instanceof TapsError) return error;
  const message = messageOf(error);
  if (LOST.test(message)) {
    return new TapsError('engine-failed', `The GPU was lost in ${what}: ${message}`, 'Resume the run. If it happens again use a smaller --batch, a smaller TAPS_GPU_SUBMISSION_MS, or --engine onnxruntime.', { cause: error, details: DEVICE_LOST });
  }
  if (saysOutOfMemory(message)) {
    return new TapsError('out-of-memory', `The GPU's memory did not suffice for ${what}: ${message}`, 'Use a smaller batch (with accumulation for the same effective batch) or a smaller image size.', { cause: error });
  }
  return new TapsError('engine-failed', `onnxruntime's WebGPU provider failed in ${what}: ${message}`, 'Update the graphics driver, or use --engine onnxruntime. Report this with the output of taps doctor.', { cause: error });
}

export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.length <= 600 ? text : `${text.slice(0, 600)} …`;
}
