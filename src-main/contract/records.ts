/** @file What the library returns: plain records, no handles. Sizes in bytes, times in epoch milliseconds. */
import type { CompressionReport } from './compression.ts';
import type { DatasetManifest } from './dataset.ts';
import type { BaseLineage } from './joint.ts';
import type { Preprocessing } from './preprocessing.ts';
import type { EpochMetrics, LayerState, MethodId, TrainConfig, TrainResult } from './training.ts';

export interface BlobRef {
  /** Hex. */
  sha256: string;
  bytes: number;
}

export interface BaseRecord {
  /** SHA-256 over the two blob hashes: identifies the network, whatever its name. */
  id: string;
  name: string;
  /** ONNX without weight data. */
  graph: BlobRef;
  /** Safetensors. */
  weights: BlobRef;
  preprocessing: Preprocessing;
  /** Labels of the base's own head; empty when unknown. */
  classNames: string[];
  summary: {
    parameters: number;
    gatedLayers: number;
    nodes: number;
    features: number;
    /** Operator → count. */
    operators: Record<string, number>;
    /** What a full copy for one more task costs before its head: all backbone parameters and statistics, 4 bytes each. */
    backboneBytes: number;
    /** Gated layers in forward order; absent in bases that an early version imported. */
    layers?: { name: string; parameters: number }[];
  };
  /** File name it was imported from, or in words what it was learnt from. */
  source: string;
  /** Of a base that was learnt here; absent for one read from a file. */
  lineage?: BaseLineage;
  /** Free text of a person. */
  notes: string;
  tags: string[];
  createdAt: number;
}

export interface DatasetRecord {
  id: string;
  /** The version it was made from by relabelling or leaving out pictures; null for one read from files. */
  parentId: string | null;
  manifest: DatasetManifest;
  createdAt: number;
}

export interface TaskRecord {
  id: string;
  name: string;
  baseId: string;
  datasetId: string;
  classNames: string[];
  createdAt: number;
  /** Delta shown and exported by default: the newest finished TAPS run, else the newest finished run. */
  currentDeltaId: string | null;
  /** Free text of a person. */
  notes: string;
  tags: string[];
}

export type RunStatus = 'queued' | 'running' | 'paused' | 'interrupted' | 'cancelled' | 'failed' | 'done';

export interface RunRecord {
  id: string;
  taskId: string;
  /** The dataset version it learns from: the task's when the run was made. */
  datasetId: string | null;
  config: TrainConfig;
  status: RunStatus;
  /** Absolute folder with checkpoints. */
  folder: string;
  startedAt: number;
  finishedAt: number | null;
  /** Message of the failure. */
  failure: string | null;
  metrics: EpochMetrics[];
  result: TrainResult | null;
}

/** A run without its metrics: what lists of runs need. */
export interface RunHead extends Omit<RunRecord, 'metrics'> {
  /** Epochs with metrics. */
  epochsDone: number;
}

export interface DeltaRecord {
  id: string;
  taskId: string;
  runId: string | null;
  method: MethodId;
  baseId: string;
  blob: BlobRef;
  layers: LayerState[];
  layersOpen: number;
  layersTotal: number;
  /** Numbers stored for this task: open δ, replaced values, head. */
  parameters: number;
  /** Fraction 0..1 on the test split; null for an unpacked task. */
  testAccuracy: number | null;
  /** Fraction 0..1 on the pictures that chose it; null for an unpacked task. */
  validationAccuracy: number | null;
  /** Which level of a path it is, from 0 (weakest penalty); its figures are in the run's `result.levels`. null for any other run. */
  pathLevel: number | null;
  /** The result of the same run that it is a smaller form of; null for what was learnt. */
  derivedFrom: string | null;
  /** How its forms were chosen; null for a result of plain float32 and for unpacked tasks. */
  compression: CompressionReport | null;
  createdAt: number;
}
