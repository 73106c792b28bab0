/** @file A dataset as it is recorded: every image with its hash, label and split. */

export type Split = 'train' | 'validation' | 'test';

export interface DatasetImage {
  /** Relative to the root, with '/' separators. */
  path: string;
  /** SHA-256 (hex) of the file. */
  sha256: string;
  bytes: number;
  /** Index into `classes`. */
  label: number;
  split: Split;
}

export interface QuarantinedImage {
  path: string;
  /** Why it cannot be used, in words. */
  reason: string;
}

export interface DatasetManifest {
  version: 1;
  /** Absolute path of the folder, or of the folder of the CSV file. */
  root: string;
  /** Class names in label order: sorted folder names, or sorted distinct labels of the CSV. */
  classes: string[];
  /** Sorted by path. */
  images: DatasetImage[];
  quarantined: QuarantinedImage[];
  /** How the splits came about: folders named train/val/test, or drawn with this seed. */
  splitSource: { kind: 'folders' } | { kind: 'seeded'; seed: number; validation: number; test: number };
  /** SHA-256 over classes, image hashes, labels and splits (not over root): identifies the dataset version. */
  hash: string;
  /** Things a person should know that do not stop training: duplicates, leaks across splits, imbalance. */
  warnings: string[];
}
