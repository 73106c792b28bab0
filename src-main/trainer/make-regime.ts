/** @file From a run's configuration to its regime. */
import { TapsError } from '../contract/errors.ts';
import type { LayerState, TrainConfig, TrainResult } from '../contract/training.ts';
import type { BaseModel } from '../graph/types.ts';
import { BudgetRegime } from '../training/budget-regime.ts';
import { PathRegime } from '../training/path-regime.ts';
import { fixedRegime, type Regime, type RegimeMemory } from '../training/regime.ts';
import { limitOf, type TaskBytes } from '../training/task-bytes.ts';
import type { TrainingSession } from '../training/types.ts';
import { measureTaskBytes } from './task-bytes.ts';

/** Levels are float32 as they are stored. */
const BITS_AS_WRITTEN = 32;

export interface RegimeOptions {
  config: TrainConfig;
  base: BaseModel;
  session: TrainingSession;
  stepsPerEpoch: number;
  /** Of the checkpoint that is gone on from. */
  memory: RegimeMemory | null;
}

export interface MadeRegime {
  regime: Regime;
  /** What a result says beside its accuracies. @param layers of what was kept */
  report: (layers: readonly LayerState[]) => Partial<TrainResult>;
}

/** @throws TapsError `invalid-config` for a combination that cannot be run, or a budget that cannot be held */
export async function makeRegime({ config, base, session, stepsPerEpoch, memory }: RegimeOptions): Promise<MadeRegime> {
  const { budget, path } = config;
  if (budget === undefined && path === undefined) return { regime: fixedRegime(config, stepsPerEpoch), report: () => ({}) };
  if ((await session.layers()).every(({ score }) => score === null)) {
    throw new TapsError('invalid-config', `A ${budget === undefined ? 'path' : 'budget'} needs gates, and ${config.method} has none.`, 'Learn with TAPS, or leave the budget out.');
  }
  if (path !== undefined) {
    if (budget !== undefined && budget.kind !== 'accuracy') throw new TapsError('invalid-config', 'A path and a budget of bytes exclude each other.', 'Leave one of them out; a path shows every size.');
    return { regime: new PathRegime(config, path, stepsPerEpoch, await bytesOfGates(base, session, BITS_AS_WRITTEN), memory), report: () => ({}) };
  }
  if (budget?.kind === 'accuracy') throw new TapsError('invalid-config', 'A limit on lost accuracy is held by choosing among the levels of a path, and this run has none.', 'Give the levels of a path.');
  if (budget === undefined) throw new Error('unreachable');
  const bytes = await bytesOfGates(base, session, budget.bitsPerWeight);
  const regime = new BudgetRegime(config, stepsPerEpoch, bytes, limitOf(budget, bytes), memory);
  return { regime, report: (layers) => ({ budget: regime.report(layers) }) };
}

/** Layers of a trunk never cost anything. */
async function bytesOfGates(base: BaseModel, session: TrainingSession, bitsPerWeight: number): Promise<TaskBytes> {
  const layers = await session.layers();
  const bytes = measureTaskBytes(base, session.artifactOf(await session.snapshot()), bitsPerWeight);
  return { ...bytes, layers: bytes.layers.map((size, layer) => (layers[layer]?.score === null ? 0 : size)) };
}
