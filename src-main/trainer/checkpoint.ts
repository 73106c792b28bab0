/**
 * @file Checkpoints of a run: one safetensors file with the complete training state, the best weights so far and the run's
 * position. The two newest are kept; a damaged one is passed over for the one before.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { FloatTensor, HostTensor } from '../contract/tensors.ts';
import type { EpochMetrics, PathLevel, Recovery } from '../contract/training.ts';
import { readSafetensors, writeSafetensors } from '../formats/safetensors.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import type { RegimeMemory } from '../training/regime.ts';

export type Snapshot = Map<string, FloatTensor>;

/** Where a run is: everything that is not a tensor. */
export interface RunPosition {
  /** Next epoch and next optimiser step in it. */
  epoch: number;
  step: number;
  /** Seconds of training before this checkpoint. */
  seconds: number;
  epochs: EpochMetrics[];
  bestEpoch: number | null;
  /** Sums over the steps of the unfinished epoch. */
  partial: { loss: number; correct: number; images: number };
  /** What the regime remembers; absent where there is nothing. */
  regime?: RegimeMemory;
  /** Levels of a path that are finished; their files are in the run's folder. */
  levels?: PathLevel[];
  /** The last one says how large micro-batches are. */
  recoveries?: Recovery[];
}

/** @typeParam Position where the run is; joint runs have one of their own */
export interface Checkpoint<Position = RunPosition> {
  position: Position;
  state: Snapshot;
  best: Snapshot | null;
}

const KEPT = 2;
const PATTERN = /^checkpoint-(\d{8})\.safetensors$/;
const STATE = 'state.';
const BEST = 'best.';

/**
 * Returns the file's path. Numbers grow with every checkpoint of the run.
 * @param identity what the run must agree on to be continued (configuration, base, dataset); survives JSON, compared as text
 */
export async function saveCheckpoint<Position = RunPosition>(folder: string, number: number, identity: object, { position, state, best }: Checkpoint<Position>): Promise<string> {
  const tensors = new Map<string, HostTensor>();
  const add = (prefix: string, snapshot: Snapshot): void => {
    for (const [name, { shape, data }] of snapshot) tensors.set(prefix + name, { dtype: 'float32', shape, data });
  };
  add(STATE, state);
  // Just after the best epoch its tensors are the state's.
  const shared = [...(best ?? [])].filter(([name, { data }]) => state.get(name)?.data === data).map(([name]) => name);
  if (best !== null) add(BEST, new Map([...best].filter(([name]) => !shared.includes(name))));
  const bytes = writeSafetensors(tensors, {
    'taps.checkpoint': '1',
    'taps.identity': JSON.stringify(identity),
    'taps.position': JSON.stringify(position),
    ...(shared.length === 0 ? {} : { 'taps.best-is-state': JSON.stringify(shared) }),
  });
  const path = join(folder, `checkpoint-${String(number).padStart(8, '0')}.safetensors`);
  await writeFileAtomic(path, bytes);
  for (const { file } of (await listCheckpoints(folder)).slice(KEPT)) await rm(join(folder, file), { force: true });
  return path;
}

/** Newest first. */
async function listCheckpoints(folder: string): Promise<{ file: string; number: number }[]> {
  const files = await readdir(folder).catch(() => []);
  return files
    .flatMap((file) => {
      const match = PATTERN.exec(file);
      return match === null ? [] : [{ file, number: Number(match[1]) }];
    })
    .sort((a, b) => b.number - a.number);
}

/**
 * The newest readable checkpoint, or null when there is none.
 * @throws TapsError `run-incompatible` when it belongs to another configuration, base or dataset
 */
export async function loadCheckpoint<Position = RunPosition>(folder: string, identity: object): Promise<(Checkpoint<Position> & { number: number }) | null> {
  for (const { file, number } of await listCheckpoints(folder)) {
    const read = await readCheckpoint<Position>(join(folder, file)).catch(() => undefined);
    if (read === undefined) continue;
    if (read.identity !== JSON.stringify(identity)) {
      throw new TapsError('run-incompatible', `The checkpoint ${file} was made with another configuration, base or dataset.`, 'Start a new run, or use the settings of the interrupted one.');
    }
    return { ...read.checkpoint, number };
  }
  return null;
}

async function readCheckpoint<Position>(path: string): Promise<{ identity: string; checkpoint: Checkpoint<Position> }> {
  const { tensors, metadata } = readSafetensors(await readFile(path));
  const state: Snapshot = new Map();
  const best: Snapshot = new Map();
  for (const [name, { shape, data }] of tensors) {
    if (!(data instanceof Float32Array)) throw new Error('A checkpoint holds float32 only.');
    if (name.startsWith(STATE)) state.set(name.slice(STATE.length), { shape, data });
    else if (name.startsWith(BEST)) best.set(name.slice(BEST.length), { shape, data });
  }
  for (const name of JSON.parse(metadata['taps.best-is-state'] ?? '[]') as string[]) {
    const tensor = state.get(name);
    if (tensor === undefined) throw new Error(`The checkpoint has no ${name}.`);
    best.set(name, tensor);
  }
  const position = JSON.parse(metadata['taps.position'] ?? '') as Position;
  return { identity: metadata['taps.identity'] ?? '', checkpoint: { position, state, best: best.size === 0 ? null : best } };
}

/** After a finished run its checkpoints are of no use. */
export async function removeCheckpoints(folder: string): Promise<void> {
  for (const { file } of await listCheckpoints(folder)) await rm(join(folder, file), { force: true });
}
