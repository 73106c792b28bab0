/** @file Loads @tensorflow/tfjs-node-gpu if it can be loaded, and says exactly why when it cannot. */
import { existsSync, readFileSync } from 'node:fs';
import util from 'node:util';

export interface TensorflowProbe {
  /** tfjs backend name, or null when the package cannot be used. */
  backend: string | null;
  /** Version and device, or the reason. */
  description: string;
}

interface TfjsNode {
  version: Record<string, string>;
  node?: unknown;
}

let probe: Promise<TensorflowProbe> | undefined;

/** Loads once per process. The addon prints to stderr by itself; callers that care capture it. */
export function loadTensorflow(): Promise<TensorflowProbe> {
  probe ??= load();
  return probe;
}

async function load(): Promise<TensorflowProbe> {
  // tfjs-node-gpu 4.22 calls util functions that Node removed in version 23.
  const legacy = util as unknown as Record<string, unknown>;
  legacy['isNullOrUndefined'] ??= (value: unknown): boolean => value === null || value === undefined;
  legacy['isArray'] ??= Array.isArray;
  // Without it TensorFlow takes all of a GPU's memory at once, whatever else uses the GPU.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  const platform = `${process.platform}-${process.arch}`;
  if (platform !== 'linux-x64' && platform !== 'win32-x64') {
    return { backend: null, description: `@tensorflow/tfjs-node-gpu has no build for ${platform} (only linux-x64 and win32-x64)` };
  }
  const packageName = '@tensorflow/tfjs-node-gpu';
  let loaded: TfjsNode;
  try {
    loaded = (await import(packageName)) as TfjsNode;
  } catch (error) {
    return { backend: null, description: reasonOf(error, packageName) };
  }
  const { tf } = await import('../tfjs.ts');
  if (!tf.engine().backendNames().includes('tensorflow')) return { backend: null, description: `${packageName} loaded but registered no backend` };
  await tf.setBackend('tensorflow');
  const backend = tf.backend() as unknown as { isUsingGpuDevice?: boolean; binding?: { TF_Version?: string } };
  const device = backend.isUsingGpuDevice === true ? `on the GPU (CUDA${visibleDevices()})` : `on the CPU: ${whyNoCuda()}`;
  const version = backend.binding?.TF_Version ?? 'unknown';
  return { backend: 'tensorflow', description: `libtensorflow ${version} with tfjs-node-gpu ${loaded.version['tfjs-node'] ?? loaded.version['tfjs-core'] ?? ''}, ${device}` };
}

function visibleDevices(): string {
  const visible = process.env['CUDA_VISIBLE_DEVICES'];
  return visible === undefined ? '' : `, device ${visible}`;
}

/** What keeps a library that loaded from seeing a GPU, as far as files tell. */
function whyNoCuda(): string {
  const visible = process.env['CUDA_VISIBLE_DEVICES'];
  if (visible === '' || visible === '-1') return `CUDA_VISIBLE_DEVICES is '${visible}'`;
  if (process.platform !== 'linux') return 'no CUDA device is visible, or the library was built without CUDA';
  if (!existsSync('/proc/driver/nvidia/version')) return 'no CUDA device is visible (the NVIDIA driver is not loaded)';
  const driver = /Kernel Module\s+(?:for \S+\s+)?([\d.]+)/.exec(readFileSync('/proc/driver/nvidia/version', 'utf8'))?.[1] ?? 'unknown';
  return `no CUDA device is visible, though NVIDIA driver ${driver} is loaded: CUDA 11 and cuDNN 8 are needed, and a library built with CUDA`;
}

function reasonOf(error: unknown, packageName: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as { code?: string }).code;
  if (code === 'ERR_MODULE_NOT_FOUND' || (code === 'MODULE_NOT_FOUND' && message.includes(packageName))) {
    return `${packageName} is not installed: its install step downloads libtensorflow and could not, or it was left out (npm install ${packageName}@4.22.0 tries again)`;
  }
  if (/libcud|libcublas|libcusolver|libnvinfer/i.test(message)) {
    return `${packageName} needs CUDA 11 and cuDNN 8 (it is built on TensorFlow 2.9): ${firstLine(message)}`;
  }
  if (/tfjs_binding|libtensorflow/i.test(message)) {
    return `${packageName} is installed without its TensorFlow library: ${firstLine(message)}`;
  }
  return `${packageName} failed to load: ${firstLine(message)}`;
}

function firstLine(message: string): string {
  return message.split('\n').map((line) => line.trim()).find((line) => line !== '') ?? message;
}
