/** @file Builds an ONNX graph node by node: unique names, deduplicated constants, free reshapes folded away. */
import type { AttributeValue, GraphNode } from '../../graph/types.ts';
import { elementCount, type HostTensor } from '../../contract/tensors.ts';

export type Attributes = Record<string, number | number[] | string>;

/** A node without attributes that is the whole of one branch of a choice. */
export interface BranchNode {
  op: string;
  inputs: string[];
}

/** Attributes that ONNX wants as floats whatever the JavaScript number looks like. */
const FLOAT_ATTRIBUTES = new Set(['alpha', 'beta', 'epsilon', 'momentum']);

/** Numbers a row. */
const SHORT_ROW = 1024;

export class Emitter {
  readonly nodes: GraphNode[] = [];
  readonly initializers = new Map<string, HostTensor>();
  readonly #constants = new Map<string, string>();
  readonly #memo = new Map<string, string[]>();
  /** Of outputs of reshapes: what was reshaped, and its shape. */
  readonly #reshaped = new Map<string, { value: string; shape: readonly number[] }>();
  /** Of outputs of transposes: what was transposed, and how. */
  readonly #transposed = new Map<string, { value: string; shape: readonly number[]; permutation: readonly number[] }>();
  /** Channels that the runtime's blocked operators keep together; 0 where it has none (see blocked.ts). */
  readonly channelBlock: number;
  #next = 0;

  constructor(channelBlock = 0) {
    this.channelBlock = channelBlock;
  }

  /**
   * Emits one node and returns the names of its outputs. A node with the same operator, inputs and attributes is emitted
   * once, so that work which forward and backward share (a transposed activation) is done once.
   */
  emit(op: string, inputs: string[], attributes: Attributes = {}, outputCount = 1, domain = ''): string[] {
    const key = JSON.stringify([op, inputs, attributes, domain]);
    const known = this.#memo.get(key);
    if (known !== undefined && known.length >= outputCount) return known;
    const id = this.#next++;
    const outputs = Array.from({ length: outputCount }, (_, index) => `v${String(id)}${index === 0 ? '' : `_${String(index)}`}`);
    this.nodes.push({ name: `n${String(id)}_${op}`, op, inputs, outputs, attributes: encodeAttributes(attributes), ...(domain === '' ? {} : { domain }) });
    this.#memo.set(key, outputs);
    return outputs;
  }

  /** As `emit`, for nodes with one output. */
  one(op: string, inputs: string[], attributes: Attributes = {}, domain = ''): string {
    const [output] = this.emit(op, inputs, attributes, 1, domain);
    if (output === undefined) throw new Error(`Node ${op} without output.`);
    return output;
  }

  /**
   * Reshape; returns the value itself when the shape is known to be the same. A chain of reshapes becomes one, and one that goes
   * back to where it came from none: what forward and backward write alike is then recognised as the same.
   */
  reshape(value: string, from: readonly number[], to: readonly number[]): string {
    const origin = this.#reshaped.get(value);
    const source = origin?.value ?? value;
    if (sameShape(origin?.shape ?? from, to)) return source;
    const output = this.one('Reshape', [source, this.int64(to)]);
    this.#reshaped.set(output, { value: source, shape: origin?.shape ?? from });
    return output;
  }

  /** Transpose; a chain of them becomes one, the identity permutation costs nothing, and moving only axes of size 1 becomes a reshape. */
  transpose(value: string, shape: readonly number[], permutation: readonly number[]): string {
    const origin = this.#transposed.get(value);
    if (origin !== undefined) return this.transpose(origin.value, origin.shape, permutation.map((axis) => origin.permutation[axis] ?? 0));
    if (permutation.every((from, to) => from === to)) return value;
    const moved = permutation.filter((axis) => shape[axis] !== 1);
    if (moved.every((axis, index) => index === 0 || axis > (moved[index - 1] ?? -1))) {
      return this.reshape(value, shape, permutation.map((axis) => shape[axis] ?? 1));
    }
    const output = this.one('Transpose', [value], { perm: [...permutation] });
    this.#transposed.set(output, { value, shape, permutation });
    return output;
  }

  /** Σ a·b over all but the first axis of two values of equal shape, as [rows, 1, 1]. Long rows in one pass, nothing stored between; a product per short row would cost more than it spares. */
  rowDots(a: string, b: string, shape: readonly number[]): string {
    const [rows = 1] = shape;
    const flat = [rows, 1, elementCount(shape) / rows];
    const [left, right] = [this.reshape(a, shape, flat), this.reshape(b, shape, flat)];
    if (elementCount(shape) / rows < SHORT_ROW) return this.one('ReduceSum', [this.one('Mul', [left, right]), this.int64([2])], { keepdims: 1 });
    return this.one('FusedMatMul', [left, right], { transB: 1 }, 'com.microsoft');
  }

  /** The output of one node or of another, by a condition of one element; either has the given shape and is computed only if chosen. */
  choice(condition: string, then: BranchNode, otherwise: BranchNode, shape: readonly number[]): string {
    const id = String(this.#next++);
    const branch = ({ op, inputs }: BranchNode, side: string): AttributeValue => ({
      kind: 'graph',
      value: {
        nodes: [{ name: `n${id}_${side}`, op, inputs, outputs: [`v${id}_${side}`], attributes: {} }],
        outputs: [{ name: `v${id}_${side}`, dtype: 'float32', shape: [...shape] }],
      },
    });
    const output = `v${id}`;
    this.nodes.push({ name: `n${id}_If`, op: 'If', inputs: [condition], outputs: [output], attributes: { then_branch: branch(then, 'then'), else_branch: branch(otherwise, 'else') } });
    return output;
  }

  int64(values: readonly number[]): string {
    return this.#constant(`i:${values.join(',')}`, int64Tensor(values));
  }

  /** Whole numbers that several nodes share under a key; made once. */
  sharedInt64(key: string, make: () => readonly number[]): string {
    return this.#constants.get(`n:${key}`) ?? this.#constant(`n:${key}`, int64Tensor(make()));
  }

  scalar(value: number): string {
    return this.#constant(`f:${String(value)}`, { dtype: 'float32', shape: [], data: Float32Array.of(value) });
  }

  /** A float constant; all-equal ones are not deduplicated beyond scalars. */
  float(shape: readonly number[], data: Float32Array): string {
    if (elementCount(shape) !== data.length) throw new Error(`Constant of shape [${shape.join(', ')}] has ${String(data.length)} values.`);
    return this.#constant(`#${String(this.#next++)}`, { dtype: 'float32', shape, data });
  }

  /** A float constant that several nodes share under a key. */
  shared(key: string, shape: readonly number[], data: Float32Array): string {
    return this.#constant(`s:${key}`, { dtype: 'float32', shape, data });
  }

  #constant(key: string, tensor: HostTensor): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `c${String(this.#constants.size)}`;
    this.initializers.set(name, tensor);
    this.#constants.set(key, name);
    return name;
  }
}

function int64Tensor(values: readonly number[]): HostTensor {
  return { dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) };
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function encodeAttributes(attributes: Attributes): Record<string, AttributeValue> {
  const encoded: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'string') encoded[name] = { kind: 'string', value };
    else if (Array.isArray(value)) encoded[name] = { kind: 'ints', value };
    else if (FLOAT_ATTRIBUTES.has(name)) encoded[name] = { kind: 'float', value };
    else encoded[name] = { kind: 'int', value };
  }
  return encoded;
}
