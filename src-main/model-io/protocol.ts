/** @file Requests that the model-file child answers. */
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { BaseRecord } from '../contract/records.ts';
import type { Sharing } from '../contract/sharing.ts';
import type { BaseFiles } from '../contract/trainer-protocol.ts';

export interface ImportRequest {
  /** .onnx file, model.json, or a folder that has one of them. */
  path: string;
  /** `topology.onnx` and `weights.safetensors` are written here. */
  outputFolder: string;
}

export interface ImportResult {
  graphPath: string;
  weightsPath: string;
  summary: BaseRecord['summary'];
  /** From the file's metadata; empty when it has none. */
  classNames: string[];
  /** Side of the input where the file fixes it, else null. */
  imageSize: number | null;
  /** From the file's own metadata (files of this program), else null. */
  preprocessing: Preprocessing | null;
  /** Name of the file or folder, without extension: a name to offer. */
  suggestedName: string;
}

export interface ExportRequest {
  base: BaseFiles;
  /** One task becomes a model with the output `logits`; several share what they have in common, outputs `logits.<name>`. */
  tasks: { name: string; artifactPath: string }[];
  /** Written under a `.partial` name; the caller renames it when parity holds. */
  partialPath: string;
}

export interface ExportResult {
  bytes: number;
  /** Name of the image input. */
  inputName: string;
  /** Operators of all tasks separately, and of the file, which computes the common ones once. */
  nodes: { separate: number; combined: number };
  /** Name of each task's output, in the order of the request. */
  outputs: string[];
  /** What several tasks have in common; null for one. */
  sharing: Sharing | null;
}

export interface ParityRequest {
  onnxPath: string;
  /** Output that is compared. */
  output: string;
  preparedFolder: string;
  indices: number[];
  preprocessing: Preprocessing;
  /** The library's own answer, row-major [indices.length, classes]. */
  expected: Float32Array;
}

export interface ParityResult {
  images: number;
  maxAbsLogitDiff: number;
  /** Fraction 0..1 of pictures with the same first class. */
  top1Agreement: number;
}

export interface BudgetRequest {
  base: BaseFiles;
  classNames: string[];
  preprocessing: Preprocessing;
}

/** Bytes of a TAPS task at full precision: with no layer open (no budget below can be held), with every layer open; of a full copy. */
export interface BudgetBounds {
  leastBytes: number;
  mostBytes: number;
  fullCopyBytes: number;
}
