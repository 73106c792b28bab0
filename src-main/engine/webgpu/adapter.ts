/** @file What is known of the GPU behind WebGPU: the runtime does not tell, so the system is asked. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { vulkanDrivers } from '../device.ts';

/** A question to the system must not hold up a run. */
const PATIENCE_MS = 10_000;
/** Software that draws in place of a GPU, by the library it comes in. */
const SOFTWARE: Readonly<Record<string, string>> = { swiftshader: 'SwiftShader (software, no GPU: for tests only)', lvp: 'llvmpipe (software, no GPU)', lavapipe: 'llvmpipe (software, no GPU)' };
const VENDORS: Readonly<Record<string, string>> = { '0x10de': 'NVIDIA', '0x1002': 'AMD', '0x8086': 'Intel', '0x1af4': 'virtual' };

/** After a session was made: the GPU in words; several where the system does not say which of them it is. */
export async function describeAdapter(): Promise<string> {
  try {
    const names = process.platform === 'linux' ? linuxAdapters() : process.platform === 'win32' ? await windowsAdapters() : await macAdapters();
    if (names.length > 0) return names.length === 1 ? (names[0] ?? '') : `one of ${names.join(', ')}`;
  } catch {
    // Not knowing the name is no reason not to compute.
  }
  return 'a GPU whose name the system does not tell';
}

/** Devices that this process has open, and software drivers that it has loaded. */
function linuxAdapters(): string[] {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  const open = new Set(readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(join('/proc/self/fd', fd))];
    } catch {
      return [];
    }
  }));
  const hardware = [...open].flatMap((path) => (/^\/dev\/nvidia\d+$/.test(path) ? [nvidiaName(path)] : /^\/dev\/dri\/renderD\d+$/.test(path) ? [renderNodeName(path)] : []));
  if (hardware.length > 0) return [...new Set(hardware)];
  return Object.entries(SOFTWARE).filter(([library]) => new RegExp(`/lib[^/]*${library}[^/]*\\.so`).test(maps)).map(([, name]) => name);
}

function nvidiaName(path: string): string {
  const minor = path.replace(/\D/g, '');
  for (const gpu of readdirSync('/proc/driver/nvidia/gpus')) {
    const facts = readFileSync(join('/proc/driver/nvidia/gpus', gpu, 'information'), 'utf8');
    if (new RegExp(`Device Minor:\\s*${minor}\\b`).test(facts)) return /Model:\s*(.+)/.exec(facts)?.[1]?.trim() ?? 'NVIDIA GPU';
  }
  return 'NVIDIA GPU';
}

function renderNodeName(path: string): string {
  const folder = join('/sys/class/drm', basename(path), 'device');
  const fact = (name: string): string => readFileSync(join(folder, name), 'utf8').trim();
  const driver = basename(readlinkSync(join(folder, 'driver')));
  return `${VENDORS[fact('vendor')] ?? fact('vendor')} GPU ${fact('device')} (${driver})`;
}

async function windowsAdapters(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('powershell', ['-NoProfile', '-NonInteractive', '-Command', 'Get-CimInstance Win32_VideoController | ForEach-Object { "$($_.Name), driver $($_.DriverVersion)" }'], { timeout: PATIENCE_MS, windowsHide: true });
  return stdout.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '');
}

async function macAdapters(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('system_profiler', ['-json', 'SPDisplaysDataType'], { timeout: PATIENCE_MS });
  const { SPDisplaysDataType: displays } = JSON.parse(stdout) as { SPDisplaysDataType: { sppci_model?: string }[] };
  return displays.flatMap(({ sppci_model: model }) => (model === undefined ? [] : [model]));
}

/** Why there is no adapter, as exactly as can be said. @param message the runtime's */
export function whyNoAdapter(message: string): string {
  if (process.platform !== 'linux') return `the system offers no GPU with ${process.platform === 'win32' ? 'Direct3D 12' : 'Metal'} (${message})`;
  if (!hasVulkanLoader()) return 'the Vulkan loader libvulkan.so.1 is not installed (Debian and Ubuntu: libvulkan1; Fedora: vulkan-loader)';
  const drivers = vulkanDrivers().map((path) => basename(path));
  if (drivers.length === 0) return 'no Vulkan driver is installed (Debian and Ubuntu: mesa-vulkan-drivers for AMD and Intel; NVIDIA has its own)';
  return `none of the Vulkan drivers ${drivers.join(', ')} offers a GPU that will do; software such as llvmpipe does not (${message})`;
}

function hasVulkanLoader(): boolean {
  const folders = [...(process.env['LD_LIBRARY_PATH'] ?? '').split(':').filter((path) => path !== ''), '/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/lib64', '/usr/local/lib'];
  return folders.some((folder) => existsSync(join(folder, 'libvulkan.so.1')));
}
