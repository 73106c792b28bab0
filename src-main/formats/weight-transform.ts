/** @file Transforms of weights (contract/training) in a task file: their tensors, what must hold for them, what they cost. */
import { elementCount, type FloatTensor, type HostTensor } from '../contract/tensors.ts';
import type { WeightTransform } from '../contract/training.ts';
import { isPacked } from '../core/bits.ts';
import { matrixShape } from '../core/effective-weight.ts';

const PREFIXES = ['left.', 'right.', 'modulator.', 'mask.'] as const;

/** Tensors of one transform by key in the file. Reverse: `TransformParts`. */
export function transformTensors(name: string, transform: WeightTransform): [string, HostTensor][] {
  const host = ({ shape, data }: FloatTensor): HostTensor => ({ dtype: 'float32', shape, data });
  switch (transform.kind) {
    case 'low-rank':
      return [[`left.${name}`, host(transform.left)], [`right.${name}`, host(transform.right)]];
    case 'modulator':
      return [[`modulator.${name}`, host(transform.matrix)]];
    case 'mask':
      return [[`mask.${name}`, { dtype: 'uint8', shape: [transform.bits.length], data: transform.bits }]];
  }
}

/** Collects the tensors of transforms while a file is read, in the file's order. */
export class TransformParts {
  readonly #parts = new Map<string, Map<string, HostTensor>>();

  /** Whether the tensor belongs to a transform (and is kept). */
  add(key: string, tensor: HostTensor): boolean {
    const prefix = PREFIXES.find((candidate) => key.startsWith(candidate));
    if (prefix === undefined) return false;
    const name = key.slice(prefix.length);
    const parts = this.#parts.get(name) ?? new Map<string, HostTensor>();
    this.#parts.set(name, parts.set(prefix, tensor));
    return true;
  }

  /**
   * @param fail makes the error of a weight whose tensors are no transform
   * @throws what `fail` returns
   */
  finish(fail: (message: string) => Error): Map<string, WeightTransform> {
    return new Map(
      [...this.#parts].map(([name, parts]) => {
        const transform = transformOf(parts);
        if (transform === null) throw fail(`${name.slice(0, 100)} has ${[...parts].map(([prefix, { dtype }]) => `${prefix.slice(0, -1)} (${dtype})`).join(' and ')}, which is no change of a weight`);
        return [name, transform];
      }),
    );
  }
}

function transformOf(parts: ReadonlyMap<string, HostTensor>): WeightTransform | null {
  const left = floatOf(parts.get('left.'));
  const right = floatOf(parts.get('right.'));
  const matrix = floatOf(parts.get('modulator.'));
  const mask = parts.get('mask.');
  if (parts.size === 2 && left !== null && right !== null) return { kind: 'low-rank', left, right };
  if (parts.size !== 1) return null;
  if (matrix !== null) return { kind: 'modulator', matrix };
  if (mask?.dtype === 'uint8' && mask.shape.length === 1 && mask.data instanceof Uint8Array) return { kind: 'mask', bits: mask.data };
  return null;
}

function floatOf(tensor: HostTensor | undefined): FloatTensor | null {
  return tensor?.dtype === 'float32' && tensor.data instanceof Float32Array ? { shape: tensor.shape, data: tensor.data } : null;
}

/** The float tensors of a transform with names for messages. */
export function floatParts(name: string, transform: WeightTransform): [string, FloatTensor][] {
  switch (transform.kind) {
    case 'low-rank':
      return [[`the left factor of ${name}`, transform.left], [`the right factor of ${name}`, transform.right]];
    case 'modulator':
      return [[`the modulator of ${name}`, transform.matrix]];
    case 'mask':
      return [];
  }
}

/**
 * What is wrong with a transform of a weight, in words; null when it fits.
 * @param parameters elements of the weight
 * @param shape of the weight where it is known: the base's
 */
export function misfitOf(transform: WeightTransform, parameters: number, shape?: readonly number[]): string | null {
  if (shape !== undefined && elementCount(shape) !== parameters) return `a weight of ${String(parameters)} elements`;
  const rows = shape === undefined ? null : matrixShape(shape).rows;
  switch (transform.kind) {
    case 'low-rank': {
      const { left, right } = transform;
      const [ownRows = 0, rank = 0] = left.shape;
      const [inner, columns = 0] = right.shape;
      const fits = left.shape.length === 2 && right.shape.length === 2 && rank === inner && ownRows * columns === parameters && rank >= 1 && rank <= Math.min(ownRows, columns);
      return fits && (rows ?? ownRows) === ownRows ? null : `factors [${left.shape.join(', ')}] and [${right.shape.join(', ')}]`;
    }
    case 'modulator': {
      const matrix = transform.matrix.shape;
      const [ownRows = 0, columns] = matrix;
      const fits = matrix.length === 2 && ownRows === columns && ownRows >= 1 && parameters % ownRows === 0;
      return fits && (rows ?? ownRows) === ownRows ? null : `a modulator [${matrix.join(', ')}]`;
    }
    case 'mask':
      return isPacked(transform.bits, parameters) ? null : `a mask of ${String(transform.bits.length)} bytes${transform.bits.length === Math.ceil(parameters / 8) ? ' with bits after its end' : ''}`;
  }
}

/** Bytes that the tensors of a transform take. */
export function transformBytes(transform: WeightTransform): number {
  switch (transform.kind) {
    case 'low-rank':
      return 4 * (transform.left.data.length + transform.right.data.length);
    case 'modulator':
      return 4 * transform.matrix.data.length;
    case 'mask':
      return transform.bits.length;
  }
}

/** The same as float32 numbers, a started one as whole. */
export function transformParameters(transform: WeightTransform): number {
  return Math.ceil(transformBytes(transform) / 4);
}
