/** @file A library with as many results as somebody collects in a year: for measuring what the window makes of it. No measuring here. */
import { METHODS, type LayerState } from '../../src-main/contract/training.ts';
import { encodeTaskFile } from '../../src-main/formats/task-file.ts';
import type { NewBase } from '../../src-main/library/bases.ts';
import { writeSafetensors } from '../../src-main/formats/safetensors.ts';
import { openLibrary } from '../../src-main/services/open-library.ts';
import { CLASSES, sampleArtifact, sampleBase, sampleManifest } from '../library/sample-library.ts';

/** As in a ResNet-50. */
const LAYERS = 53;
const PER_LAYER = 16;
const SHAPE = [4, 4, 1, 1];

const layerName = (index: number): string => `layer${String(Math.floor(index / 9))}.${String(index % 9)}.conv.weight`;

function manyLayers(): NewBase {
  const names = Array.from({ length: LAYERS }, (_value, index) => layerName(index));
  const tensors = new Map(['norm.weight', ...names].map((name) => [name, { dtype: 'float32' as const, shape: name === 'norm.weight' ? [4] : SHAPE, data: new Float32Array(name === 'norm.weight' ? 4 : PER_LAYER) }]));
  const base = sampleBase('resnet');
  return { ...base, weights: writeSafetensors(tensors, {}), summary: { ...base.summary, gatedLayers: LAYERS, parameters: LAYERS * PER_LAYER, backboneBytes: LAYERS * PER_LAYER * 4 } };
}

/** Fills an empty folder. @param tasks with `perTask` results each, of all methods in turn */
export async function makeManyResults(folder: string, tasks: number, perTask: number): Promise<void> {
  using library = openLibrary(folder, { create: true });
  const base = await library.bases.add(manyLayers());
  for (let number = 0; number < tasks; number++) {
    const dataset = library.datasets.add(sampleManifest(number.toString(16).padStart(64, '0')));
    const task = library.tasks.add({ name: `Task ${String(number + 1)}`, baseId: base.id, datasetId: dataset.id, classNames: CLASSES });
    for (let result = 0; result < perTask; result++) {
      const method = METHODS[result % 4] ?? 'taps';
      const states = Array.from({ length: LAYERS }, (_value, index): LayerState => {
        const open = method === 'full-fine-tuning' || (method === 'taps' && (index * 7 + number + result) % 5 === 0);
        return { name: layerName(index), parameters: PER_LAYER, score: method === 'taps' ? Math.fround(open ? 0.3 : 0.02) : null, open };
      });
      const deltas = new Map(states.filter(({ open }) => open).map(({ name }) => [name, { shape: SHAPE, data: new Float32Array(PER_LAYER).fill(result + 1) }]));
      const artifact = encodeTaskFile({ ...sampleArtifact({ method, baseId: base.id, seed: number * 100 + result }), layers: states, deltas });
      await library.deltas.commit({ taskId: task.id, runId: null, artifact, testAccuracy: 0.5 + ((number * 13 + result * 29) % 45) / 100 });
    }
  }
}
