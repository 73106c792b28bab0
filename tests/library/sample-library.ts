/** @file Builders for library tests: a tiny base, a dataset manifest, artefacts that fit them. No assertions. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { DatasetManifest } from '../../src-main/contract/dataset.ts';
import type { TaskRecord } from '../../src-main/contract/records.ts';
import type { FloatTensor, HostTensor } from '../../src-main/contract/tensors.ts';
import { trainConfigSchema, type MethodId, type TaskArtifact, type TrainConfig } from '../../src-main/contract/training.ts';
import { writeSafetensors } from '../../src-main/formats/safetensors.ts';
import type { NewBase } from '../../src-main/library/bases.ts';
import { baseIdOf } from '../../src-main/library/base-id.ts';
import type { Library } from '../../src-main/library/library.ts';
import { sha256OfBytes } from '../../src-main/platform/hash.ts';

export const CLASSES = ['cat', 'dog', 'emu'];

/** A folder that disappears with the test. */
export function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'taps-library-'));
  test.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

function float(shape: number[], start: number): FloatTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  return { shape, data: Float32Array.from({ length }, (_, index) => Math.fround(start + index / 7)) };
}

const host = ({ shape, data }: FloatTensor): HostTensor => ({ dtype: 'float32', shape, data });

/** Two gated layers, one normalisation, a head; `seed` makes another network of the same shape. */
export function sampleBase(name = 'tiny', seed = 0): NewBase {
  const weights = writeSafetensors(
    new Map([
      ['conv1.weight', host(float([4, 3, 3, 3], seed))],
      ['conv2.weight', host(float([4, 4, 1, 1], seed + 1))],
      ['norm.weight', host(float([4], seed + 2))],
    ]),
    {},
  );
  return {
    name,
    graph: new TextEncoder().encode(`graph ${String(seed)}`),
    weights,
    preprocessing: { imageSize: 32, channelOrder: 'rgb', scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
    classNames: [],
    summary: { parameters: 128, gatedLayers: 2, nodes: 3, features: 4, operators: { Conv: 2 }, backboneBytes: 512 },
    source: 'tiny.onnx',
  };
}

export function sampleBaseId(seed = 0): string {
  const { graph, weights } = sampleBase('tiny', seed);
  return baseIdOf(sha256OfBytes(graph), sha256OfBytes(weights));
}

export function sampleManifest(hash = 'a'.repeat(64), root = '/pictures'): DatasetManifest {
  return {
    version: 1,
    root,
    classes: CLASSES,
    images: [{ path: 'cat/1.png', sha256: 'b'.repeat(64), bytes: 12, label: 0, split: 'train' }],
    quarantined: [],
    splitSource: { kind: 'seeded', seed: 0, validation: 0.1, test: 0.2 },
    hash,
    warnings: [],
  };
}

/** Second layer open, first closed. */
export function sampleArtifact(options: { method?: MethodId; seed?: number; baseId?: string } = {}): TaskArtifact {
  const { method = 'taps', seed = 0, baseId = sampleBaseId() } = options;
  return {
    method,
    baseId,
    classNames: CLASSES,
    layers: [
      { name: 'conv1.weight', parameters: 108, score: 0.01, open: false },
      { name: 'conv2.weight', parameters: 16, score: Math.fround(0.3), open: true },
    ],
    deltas: new Map([['conv2.weight', float([4, 4, 1, 1], seed)]]),
    replaced: new Map([['norm.weight', float([4], seed + 5)]]),
    transforms: new Map(),
    head: { weight: float([3, 4], seed + 9), bias: float([3], seed) },
    preprocessing: { imageSize: 32, channelOrder: 'rgb', scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
  };
}

export function sampleConfig(method: MethodId = 'taps'): TrainConfig {
  return trainConfigSchema.parse({ method });
}

/** A library with one base and one task. */
export async function addSampleTask(library: Library, name = 'animals'): Promise<TaskRecord> {
  const base = await library.bases.add(sampleBase());
  const dataset = library.datasets.add(sampleManifest());
  return library.tasks.add({ name, baseId: base.id, datasetId: dataset.id, classNames: CLASSES });
}
