/** @file Which GPU an engine takes, where a person says so: `--device`, or the variable TAPS_DEVICE in the environment. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { EngineId } from '../contract/engine-info.ts';

/** Where Vulkan's loader looks for drivers on Linux. */
const DRIVER_FOLDERS = ['/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/usr/share/vulkan/icd.d'];

/**
 * Must come before the engine's library is loaded, which reads the environment once.
 * - `tensorflow`: as CUDA_VISIBLE_DEVICES, an index or a UUID; the first one named computes.
 * - `webgpu` on Linux: a Vulkan driver, by name (`nvidia`, `radeon`, `intel`) or as the path of its .json file.
 * @throws TapsError `invalid-config`
 */
export function chooseDevice(engine: EngineId, device: string | undefined): void {
  if (device === undefined || device === '') return;
  if (engine === 'tensorflow') process.env['CUDA_VISIBLE_DEVICES'] = cudaDevices(device);
  else if (engine === 'webgpu') chooseDriver(device);
  else throw new TapsError('invalid-config', `Engine ${engine} computes on the CPU and has no device '${device}'.`, 'Leave --device (TAPS_DEVICE) out, or choose --engine webgpu or tensorflow.');
}

function cudaDevices(device: string): string {
  if (/^(\d+|(GPU|MIG)-[\w/-]+)(,(\d+|(GPU|MIG)-[\w/-]+))*$/.test(device)) return device;
  throw new TapsError('invalid-config', `Engine tensorflow has no device '${device}'.`, 'Give an index (0, 1, …) or a UUID (GPU-…), as nvidia-smi -L lists them.');
}

function chooseDriver(device: string): void {
  if (process.platform !== 'linux') {
    const where = process.platform === 'win32' ? 'in the settings of Windows (System, Display, Graphics)' : 'by itself: a Mac has one';
    throw new TapsError('invalid-config', `Engine webgpu cannot be given the device '${device}' on ${process.platform}: the system chooses the GPU ${where}.`, 'Leave --device (TAPS_DEVICE) out.');
  }
  const file = device.endsWith('.json') ? (existsSync(device) ? device : undefined) : vulkanDrivers().find((path) => basename(path).toLowerCase().includes(device.toLowerCase()));
  if (file === undefined) {
    const known = vulkanDrivers().map((path) => basename(path));
    throw new TapsError('invalid-config', `There is no Vulkan driver '${device}'.`, known.length === 0 ? 'None is installed; see taps doctor.' : `Choose one of ${known.join(', ')}, by a part of its name.`);
  }
  process.env['VK_DRIVER_FILES'] = file;
  process.env['VK_ICD_FILENAMES'] = file;
}

/** Paths of the manifests of the Vulkan drivers that are installed (Linux). */
export function vulkanDrivers(): string[] {
  const given = process.env['VK_DRIVER_FILES'] ?? process.env['VK_ICD_FILENAMES'];
  if (given !== undefined && given !== '') return given.split(':').filter((path) => existsSync(path));
  return DRIVER_FOLDERS.flatMap((folder) => {
    try {
      return readdirSync(folder).filter((name) => name.endsWith('.json')).map((name) => join(folder, name));
    } catch {
      return [];
    }
  });
}
