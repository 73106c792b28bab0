/**
 * @file A GPU in software for tests: SwiftShader, which Chromium brings along. Of Electron's folder where there is one, else of the npm
 * package @sparticuz/chromium. The Vulkan loader beside it is found only through LD_LIBRARY_PATH, which a process cannot set for
 * itself: whoever uses it starts a child.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

const MANIFEST = 'vk_swiftshader_icd.json';
const ROOT = new URL('../../..', import.meta.url);

export interface SoftwareGpu {
  /** To be added to a child's environment. */
  environment: { VK_ICD_FILENAMES: string; VK_DRIVER_FILES: string; LD_LIBRARY_PATH: string };
  remove: () => void;
}

/** A reason to skip, in words, where there is none. */
export async function softwareGpu(): Promise<SoftwareGpu | string> {
  if (process.platform !== 'linux') return `needs a GPU in software, which tests have on Linux only (this is ${process.platform})`;
  const electron = await electronFolder();
  if (electron !== null) return gpuIn(electron, () => undefined);
  const archive = chromiumArchive();
  if (archive === null) return `needs a GPU in software: neither an Electron folder with ${MANIFEST} nor @sparticuz/chromium for ${process.arch} is installed`;
  const folder = mkdtempSync(join(tmpdir(), 'taps-swiftshader-'));
  untar(brotliDecompressSync(readFileSync(archive)), folder);
  return gpuIn(folder, () => {
    rmSync(folder, { recursive: true, force: true });
  });
}

function gpuIn(folder: string, remove: () => void): SoftwareGpu {
  const manifest = join(folder, MANIFEST);
  return { environment: { VK_ICD_FILENAMES: manifest, VK_DRIVER_FILES: manifest, LD_LIBRARY_PATH: folder }, remove };
}

async function electronFolder(): Promise<string | null> {
  const finder = (await import(new URL('src-main/bin/find-electron.mjs', ROOT).href)) as { findElectron: (root: string) => { folder: string } | { missing: string } };
  const found = finder.findElectron(new URL('.', ROOT).pathname);
  return 'folder' in found && existsSync(join(found.folder, MANIFEST)) ? found.folder : null;
}

function chromiumArchive(): string | null {
  if (process.arch !== 'x64') return null;
  try {
    const path = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '..', '..', 'bin', 'swiftshader.tar.br');
    return [path, join(new URL('node_modules/@sparticuz/chromium/bin', ROOT).pathname, 'swiftshader.tar.br')].find((file) => existsSync(file)) ?? null;
  } catch {
    return null;
  }
}

/** Plain files of a tar archive, by their last name: all that this one has. */
function untar(archive: Buffer, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (let at = 0; at + 512 <= archive.length; ) {
    const header = archive.subarray(at, at + 512);
    const name = header.subarray(0, 100).toString('utf8').replace(/\0.*$/s, '');
    if (name === '') return;
    const size = Number.parseInt(header.subarray(124, 136).toString('ascii'), 8);
    const isFile = header[156] === 0 || header[156] === 0x30;
    if (isFile) writeFileSync(join(folder, basename(name)), archive.subarray(at + 512, at + 512 + size), { mode: 0o755 });
    at += 512 + Math.ceil(size / 512) * 512;
  }
}
