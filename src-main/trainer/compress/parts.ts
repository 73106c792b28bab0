/**
 * @file The parts of a task that each get a form of their own: every changed layer, the head, and all small parameters together.
 * Values that replace the base's are taken as differences from it, which are small and therefore cheap.
 */
import { elementCount, type FloatTensor } from '../../contract/tensors.ts';
import type { TaskArtifact, WeightTransform } from '../../contract/training.ts';
import { baseValue } from '../../graph/base-value.ts';
import type { BaseModel } from '../../graph/types.ts';

/** A tensor of a task file that can take a smaller form. */
export interface PartTensor {
  /** Key in the file when it takes another form than float32. */
  key: string;
  /** Parameter of the base; '' for the head. */
  name: string;
  tensor: FloatTensor;
  /** Stored as a value when nothing may be lost; null where it is stored as it is. */
  value: FloatTensor | null;
  /** Every number must stay above its own here: the difference at which a variance would be 0. Null for numbers of any size. */
  floor: Float32Array | null;
}

export interface Part {
  /** For people. */
  name: string;
  /** `matrix`: a layer's difference; `array`: another large one, such as position embeddings. */
  kind: 'matrix' | 'array' | 'factors' | 'small' | 'head';
  tensors: PartTensor[];
  parameters: number;
}

/** Other parameters than layers with more numbers than this (position embeddings) are parts of their own. */
const LARGE = 4096;
export const SMALL_PART = 'normalisation and biases';
export const HEAD_PART = 'head';

/** In forward order of the layers, then the small parameters, then the head. Masks are no part: nothing of them can be left out. */
export function partsOf(artifact: TaskArtifact, base: BaseModel): Part[] {
  const parts: Part[] = [];
  const add = (name: string, kind: Part['kind'], tensors: PartTensor[]): void => {
    if (tensors.length > 0) parts.push({ name, kind, tensors, parameters: tensors.reduce((sum, { tensor }) => sum + tensor.data.length, 0) });
  };
  const layers = new Set(artifact.layers.map(({ name }) => name));
  for (const name of layers) {
    const change = artifact.deltas.get(name);
    const value = artifact.replaced.get(name);
    const transform = artifact.transforms.get(name);
    if (change !== undefined) add(name, 'matrix', [{ key: `delta.${name}`, name, tensor: change, value: null, floor: null }]);
    else if (value !== undefined) add(name, 'matrix', [difference(name, value, base, false)]);
    else if (transform !== undefined) add(name, 'factors', factorsOf(name, transform));
  }
  const variances = variancesOf(base);
  const others = [
    ...[...artifact.replaced].filter(([name, { shape }]) => !layers.has(name) && isOfWeights(shape)).map(([name, value]) => difference(name, value, base, variances.has(name))),
    ...[...artifact.deltas].filter(([name]) => !layers.has(name)).map(([name, tensor]): PartTensor => ({ key: `delta.${name}`, name, tensor, value: null, floor: variances.has(name) ? floorOf(name, base) : null })),
  ];
  for (const tensor of others.filter((other) => isLarge(other))) add(tensor.name, 'array', [tensor]);
  add(SMALL_PART, 'small', others.filter((other) => !isLarge(other)));
  const { weight, bias } = artifact.head;
  add(HEAD_PART, 'head', [{ key: 'head.weight', name: '', tensor: weight, value: null, floor: null }, { key: 'head.bias', name: '', tensor: bias, value: null, floor: null }]);
  return parts;
}

/** A single number is kept with the base's graph, not with its weights, and stays a value. */
function isOfWeights(shape: readonly number[]): boolean {
  return elementCount(shape) > 1;
}

function isLarge({ tensor: { shape, data } }: PartTensor): boolean {
  return shape.length > 1 && data.length > LARGE;
}

function difference(name: string, value: FloatTensor, base: BaseModel, isVariance: boolean): PartTensor {
  const own = baseValue(base, name).data;
  return { key: `delta.${name}`, name, tensor: { shape: value.shape, data: value.data.map((number, index) => number - (own[index] ?? 0)) }, value, floor: isVariance ? floorOf(name, base) : null };
}

function floorOf(name: string, base: BaseModel): Float32Array {
  return baseValue(base, name).data.map((own) => -own);
}

/** Running variances: fifth input of a batch normalisation (ONNX, BatchNormalization). */
function variancesOf({ graph }: BaseModel): Set<string> {
  return new Set(graph.nodes.flatMap(({ op, inputs }) => (op === 'BatchNormalization' ? (inputs[4] ?? []) : [])));
}

function factorsOf(name: string, transform: WeightTransform): PartTensor[] {
  switch (transform.kind) {
    case 'low-rank':
      return [{ key: `left.${name}`, name, tensor: transform.left, value: null, floor: null }, { key: `right.${name}`, name, tensor: transform.right, value: null, floor: null }];
    case 'modulator':
      return [{ key: `modulator.${name}`, name, tensor: transform.matrix, value: null, floor: null }];
    case 'mask':
      return [];
  }
}
