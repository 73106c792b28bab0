/** @file Material that comes with the program: the embedded base and the sample tasks. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { SampleTask } from '../contract/studio/app.ts';

export const EMBEDDED_BASE = { file: join('base', 'cifar10-resnet.onnx'), name: 'cifar10-resnet' };
const TITLES: Readonly<Record<string, string>> = { drawings: 'Drawings', emoji: 'Emoji' };

/** Beside the packaged program (children cannot read inside its archive), else beside src-main or dist. */
function resourcesFolder(): string {
  const packaged = (process as { resourcesPath?: string }).resourcesPath;
  const own = join(import.meta.dirname, '..', '..', 'resources');
  const candidates = packaged === undefined ? [own] : [packaged, join(packaged, 'resources'), own];
  return candidates.find((folder) => existsSync(join(folder, EMBEDDED_BASE.file))) ?? own;
}

export function embeddedBaseFile(): { path: string; bytes: number } | null {
  const path = join(resourcesFolder(), EMBEDDED_BASE.file);
  return existsSync(path) ? { path, bytes: statSync(path).size } : null;
}

/** One of each of the first classes. */
const COVERS = 6;

let listed: SampleTask[] | undefined;

/** Counted once: they do not change while the program runs. */
export function sampleTasks(): SampleTask[] {
  listed ??= listSamples(join(resourcesFolder(), 'samples'));
  return listed;
}

function listSamples(folder: string): SampleTask[] {
  if (!existsSync(folder)) return [];
  return subFolders(folder).map((id) => {
    const train = subFolders(join(folder, id, 'train'));
    const images = ['train', 'test'].flatMap((split) => subFolders(join(folder, id, split)).map((name) => readdirSync(join(folder, id, split, name)).length));
    return { id, title: TITLES[id] ?? id, classes: train.length, images: images.reduce((sum, count) => sum + count, 0), covers: Math.min(COVERS, train.length) };
  });
}

function subFolders(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** @throws TapsError `not-found`: only listed ids become paths */
export function sampleFolder(id: string): string {
  if (!sampleTasks().some((sample) => sample.id === id)) throw new TapsError('not-found', `There is no sample ${JSON.stringify(id)}.`, 'Choose one of the samples offered.');
  return join(resourcesFolder(), 'samples', id);
}

/** A training picture of one of the first classes; null when there is none. */
export function sampleCover(id: string, index: number): string | null {
  const sample = sampleTasks().find((candidate) => candidate.id === id);
  if (sample === undefined || index >= sample.covers) return null;
  const train = join(resourcesFolder(), 'samples', id, 'train');
  const name = subFolders(train)[index];
  const [first] = name === undefined ? [] : readdirSync(join(train, name)).sort();
  return name === undefined || first === undefined ? null : join(train, name, first);
}
