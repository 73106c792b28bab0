/** @file Contract: all results of chosen tasks side by side. */
import { z } from 'zod';
import type { Encoding } from '../compression.ts';
import type { LayerState, MethodId, TrainConfig } from '../training.ts';
import type { SeedMean } from './sweeps.ts';
import { answer, idSchema, request } from './common.ts';

/** One stored result. */
export interface ComparePoint {
  deltaId: string;
  runId: string | null;
  taskId: string;
  taskName: string;
  baseId: string;
  baseName: string;
  method: MethodId;
  /** 0..1; null when never measured. */
  testAccuracy: number | null;
  validationAccuracy: number | null;
  layersOpen: number;
  layersTotal: number;
  parameters: number;
  bytes: number;
  fullCopyBytes: number;
  shareOfFullCopy: number;
  /** Seconds of training; null for an unpacked task. */
  seconds: number | null;
  config: TrainConfig | null;
  layers: LayerState[];
  /** Of a path: from 0, the weakest penalty. null for any other run. */
  pathLevel: number | null;
  /** How it was made smaller from another result; null for what was learnt. */
  smaller: { encoding: Encoding; tolerance: number; /** For a size instead of a tolerance. */ mostBytes?: number } | null;
  isCurrent: boolean;
  createdAt: number;
}

/** Results of one task that differ in their seed only: at least two, each its own seed. */
export interface RepeatedSetting {
  taskId: string;
  /** By seed. */
  deltaIds: string[];
  seeds: number[];
  /** 0..1; null when one of them was never measured. */
  test: SeedMean | null;
  validation: SeedMean | null;
  bytes: SeedMean;
  /** The class with the lowest mean recall on test pictures, 0..1; null without test pictures. */
  worstClass: { name: string; recall: number } | null;
}

export interface CompareView {
  points: ComparePoint[];
  /** Settings that were learnt with several seeds; their results are among the points. */
  repeated: RepeatedSetting[];
  /** Tasks with older results that are not among the points, and how many results those have; all zero when tasks were named. */
  omitted: { tasks: number; results: number };
  /** Per base: bytes of its files, once for all its tasks. */
  bases: { id: string; name: string; bytes: number; layers: { name: string; parameters: number }[] }[];
}

export const COMPARE_REQUESTS = {
  /** When empty, the tasks with the newest results, as many as make a picture. */
  'compare.view': request(z.strictObject({ taskIds: z.array(idSchema).max(1000) }), answer<CompareView>()),
} as const;
