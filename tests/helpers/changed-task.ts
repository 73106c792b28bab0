/** @file A task on a base that changes chosen layers and normalisations by a little: what training would leave, without training. */
import type { FloatTensor } from '../../src-main/contract/tensors.ts';
import { elementCount } from '../../src-main/contract/tensors.ts';
import type { TaskArtifact } from '../../src-main/contract/training.ts';
import type { BaseModel, Parameter } from '../../src-main/graph/types.ts';
import { baseValue } from '../../src-main/graph/base-value.ts';

export interface Change {
  /** Another one is another task. */
  seed: number;
  /** Gated layers with a δ, by place in forward order; negative counts from the end. */
  layers?: readonly number[];
  /** Names of further parameters with values of their own. */
  own?: readonly string[];
  classes?: number;
  imageSize?: number;
}

/** In forward order. */
export function gatedLayers({ parameters }: BaseModel): Parameter[] {
  return parameters.filter(({ role }) => role === 'gated').sort((a, b) => a.nodeIndex - b.nodeIndex);
}

export function changedTask(base: BaseModel, { seed, layers = [], own = [], classes = 3, imageSize = 32 }: Change): TaskArtifact {
  const gated = gatedLayers(base);
  const open = new Set(layers.map((place) => gated.at(place)?.name));
  const wave = (shape: readonly number[], scale: number): FloatTensor => ({ shape: [...shape], data: Float32Array.from({ length: elementCount(shape) }, (_, index) => scale * Math.sin(index * 0.7 + seed)) });
  return {
    method: 'taps',
    baseId: '0'.repeat(64),
    classNames: Array.from({ length: classes }, (_, index) => `class ${String(index)}`),
    layers: gated.map(({ name, shape }) => ({ name, parameters: elementCount(shape), score: 0, open: open.has(name) })),
    deltas: new Map(gated.filter(({ name }) => open.has(name)).map(({ name, shape }) => [name, wave(shape, 0.02)])),
    replaced: new Map(own.map((name) => {
      const { shape, data } = baseValue(base, name);
      return [name, { shape, data: data.map((value, index) => value * (1 + 0.01 * Math.abs(Math.sin(index + seed)))) }];
    })),
    transforms: new Map(),
    head: { weight: wave([classes, base.head.features], 0.1), bias: wave([classes], 0.1) },
    preprocessing: { imageSize, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
  };
}
