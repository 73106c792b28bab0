/** @file The demonstration's result: the shape of its last line with `--json`. */
import type { Comparison } from '../../services/compare-tasks.ts';
import type { MethodId } from '../../contract/training.ts';

export interface DemoMethodReport {
  /** On the test pictures, 0..1. */
  accuracy: number;
  layersTuned: number;
  layersTotal: number;
  /** Numbers that must be stored for the task. */
  parameters: number;
  /** Size of the file that must be stored for the task. */
  bytes: number;
  /** Wall-clock time of learning, with process start and compilation. */
  seconds: number;
}

export interface DemoTaskReport {
  name: string;
  classes: number;
  /** Pictures learnt from, without those for validation. */
  train: number;
  test: number;
  methods: Partial<Record<MethodId, DemoMethodReport>>;
}

export interface DemoReport {
  /** Wall-clock time of everything. */
  seconds: number;
  engine: string;
  base: { name: string; bytes: number };
  tasks: DemoTaskReport[];
  /** Base and all tasks learnt with TAPS, against a full copy of the network per task. */
  library: { bytes: number; fullCopiesBytes: number };
  export: { path: string; bytes: number; maxAbsLogitDiff: number; top1Agreement: number; images: number };
}

/** The totals that the last line reports: TAPS against full copies. */
export function libraryTotals({ totals }: Comparison): DemoReport['library'] {
  const taps = totals.find(({ method }) => method === 'taps');
  return { bytes: taps?.bytes ?? 0, fullCopiesBytes: taps?.fullCopiesBytes ?? 0 };
}
