/** @file The forms that a part can take, with what each costs in bytes and how far it is from the numbers it stands for. */
import type { FloatTensor } from '../../contract/tensors.ts';
import { matrixShape } from '../../core/effective-weight.ts';
import { truncatedSvd, type LowRankFactors } from '../../core/truncated-svd.ts';
import { decodeTensor, encodeTensor, formName, type FormSpec } from '../../formats/forms/form.ts';
import { StreamReader, StreamWriter } from '../../formats/forms/streams.ts';
import { compress } from '../../formats/zstd.ts';
import type { Part } from './parts.ts';

export interface Option {
  /** In words. */
  name: string;
  /** Of the tensors of the part; float32 means their values as they are. */
  spec: FormSpec;
  /** The layer's difference as two factors, whose form is `spec`. */
  factors: { left: FloatTensor; right: FloatTensor } | null;
  /** About what the part takes in the file. */
  bytes: number;
  /** Σ(x − x̂)² over the part. */
  error: number;
}

const WHOLE_NUMBERS: FormSpec[] = [{ form: 'int8' }, { form: 'int4', levels: 7 }, { form: 'int4', levels: 3 }, { form: 'int4', levels: 2 }, { form: 'int4', levels: 1 }];
/** Sizes between those of four bits and of one. */
const STEPS: FormSpec[] = [0.5, 0.6, 0.75, 0.85, 1, 1.25, 1.5].map((step): FormSpec => ({ form: 'int4', levels: 7, step }));
const SPARSE: FormSpec[] = [
  ...[0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005].map((density): FormSpec => ({ form: 'sparse', density, values: 'sign' })),
  ...[0.1, 0.03, 0.01].map((density): FormSpec => ({ form: 'sparse', density, values: 'int8' })),
];
const ALL: FormSpec[] = [{ form: 'float16' }, ...WHOLE_NUMBERS, ...STEPS, { form: 'sign' }, ...SPARSE];
const LOSSY: Readonly<Record<Part['kind'], FormSpec[]>> = {
  matrix: ALL,
  array: ALL,
  factors: [{ form: 'float16' }, { form: 'int8' }, { form: 'int4', levels: 7 }],
  small: [{ form: 'float16' }, { form: 'int8' }],
  head: [{ form: 'float16' }, { form: 'int8' }, { form: 'int4', levels: 7 }],
};
const RANKS = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48];
const FACTOR_SPECS: FormSpec[] = [{ form: 'int8' }, { form: 'int4', levels: 7 }, { form: 'int4', levels: 7, step: 0.75 }, { form: 'int4', levels: 7, step: 1 }];
/** Quick and near enough: estimates compare forms, the file is packed well. */
const ESTIMATE_LEVEL = 1;
/** About what a tensor takes in the packed index. */
const ENTRY_BYTES = 20;

/** Nothing is lost. */
export function losslessOption({ tensors }: Part): Option {
  const bytes = tensors.reduce((sum, { tensor, value }) => sum + encoded(value ?? tensor, { form: 'float32' }).bytes, 0);
  return { name: 'float32', spec: { form: 'float32' }, factors: null, bytes, error: 0 };
}

/** One given form for all tensors of a part; null where a number would be none, or a variance not above 0. */
export function formOption({ tensors }: Part, spec: FormSpec): Option | null {
  const all = tensors.map(({ tensor }) => encoded(tensor, spec));
  if (tensors.some(({ floor }, index) => all[index]?.values.some((value, at) => !Number.isFinite(value) || (floor !== null && value <= (floor[at] ?? 0))))) return null;
  return {
    name: spec.form === 'float32' ? spec.form : withStep(all[0]?.name ?? spec.form, spec),
    spec,
    factors: null,
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    error: all.reduce((sum, { error }) => sum + error, 0),
  };
}

function withStep(name: string, spec: FormSpec): string {
  return spec.form === 'int4' && spec.step !== undefined ? `${name}, step ${String(spec.step)}` : name;
}

/** All forms of a part, the lossless one first. */
export function optionsOf(part: Part): Option[] {
  const [first] = part.tensors;
  const lowRank = part.kind === 'matrix' && first !== undefined ? lowRankOptions(first.tensor) : [];
  return [losslessOption(part), ...LOSSY[part.kind].flatMap((spec) => formOption(part, spec) ?? []), ...lowRank];
}

/** Ranks whose factors are smaller than the layer with four bits a weight; beyond that, whole numbers do better. */
function lowRankOptions({ shape, data }: FloatTensor): Option[] {
  const { rows, columns } = matrixShape(shape);
  const most = Math.min(rows, columns, data.length / (2 * (rows + columns)));
  const ranks = RANKS.filter((rank) => rank <= most);
  const largest = ranks.at(-1);
  if (largest === undefined || shape.length < 2) return [];
  const svd = truncatedSvd(data, rows, columns, largest);
  const whole = sumOfSquares(data);
  return ranks.flatMap((rank) => {
    const factors = cut(svd, rank, rows, columns);
    const kept = sumOfSquares(svd.singularValues.subarray(0, rank));
    return FACTOR_SPECS.map((spec): Option => {
      const left = encoded(factors.left, spec);
      const right = encoded(factors.right, spec);
      const error = Math.max(0, whole - kept) + Math.max(0, productError(factors.left, factors.right, left.values, right.values));
      return { name: `low-rank ${String(rank)} ${withStep(spec.form, spec)}`, spec, factors, bytes: left.bytes + right.bytes, error };
    });
  });
}

function sumOfSquares(numbers: Float32Array | Float64Array): number {
  let sum = 0;
  for (let index = 0; index < numbers.length; index++) sum += (numbers[index] ?? 0) ** 2;
  return sum;
}

function cut({ left, right, rank: all }: LowRankFactors, rank: number, rows: number, columns: number): { left: FloatTensor; right: FloatTensor } {
  return {
    left: { shape: [rows, rank], data: Float32Array.from({ length: rows * rank }, (_, at) => left[Math.floor(at / rank) * all + (at % rank)] ?? 0) },
    right: { shape: [rank, columns], data: Float32Array.from(right.subarray(0, rank * columns)) },
  };
}

/**
 * ‖L·R − L̂·R̂‖² from products of the factors alone: rank² · (rows + columns) instead of rank · rows · columns. What L·R leaves of the
 * layer is orthogonal to the columns of L and nearly so to the rows of R, so its square adds up with this one.
 */
function productError(left: FloatTensor, right: FloatTensor, roughLeft: Float32Array, roughRight: Float32Array): number {
  const [rank = 0, columns = 0] = right.shape;
  const rows = left.data.length / Math.max(1, rank);
  let error = 0;
  for (let a = 0; a < rank; a++) for (let b = 0; b < rank; b++) {
    const exact = columnsDot(left.data, left.data, rows, rank, a, b) * rowsDot(right.data, right.data, columns, a, b);
    const crossed = columnsDot(left.data, roughLeft, rows, rank, a, b) * rowsDot(right.data, roughRight, columns, a, b);
    const rough = columnsDot(roughLeft, roughLeft, rows, rank, a, b) * rowsDot(roughRight, roughRight, columns, a, b);
    error += exact - 2 * crossed + rough;
  }
  return error;
}

function columnsDot(one: Float32Array, other: Float32Array, rows: number, rank: number, a: number, b: number): number {
  let sum = 0;
  for (let at = 0; at < rows * rank; at += rank) sum += (one[at + a] ?? 0) * (other[at + b] ?? 0);
  return sum;
}

function rowsDot(one: Float32Array, other: Float32Array, columns: number, a: number, b: number): number {
  let sum = 0;
  for (let column = 0; column < columns; column++) sum += (one[a * columns + column] ?? 0) * (other[b * columns + column] ?? 0);
  return sum;
}

/** What the numbers are in a form. */
export function valuesOf(tensor: FloatTensor, spec: FormSpec): Float32Array {
  return encoded(tensor, spec).values;
}

function encoded(tensor: FloatTensor, spec: FormSpec): { name: string; bytes: number; error: number; values: Float32Array } {
  const out = new StreamWriter();
  const entry = encodeTensor(tensor, spec, out);
  const streams = out.finish();
  // Small streams share a frame with those of other tensors: their frame's own bytes are not theirs alone.
  const bytes = streams.reduce((sum, [, own]) => sum + (own.length < 512 ? own.length : Math.min(own.length, compress(own, ESTIMATE_LEVEL).length)), ENTRY_BYTES);
  const values = spec.form === 'float32' ? tensor.data : decodeTensor(entry, tensor.shape, new StreamReader(new Map(streams)), 'x');
  let error = 0;
  for (let index = 0; index < values.length; index++) error += ((tensor.data[index] ?? 0) - (values[index] ?? 0)) ** 2;
  return { name: formName(entry, tensor.shape), bytes, error, values };
}
