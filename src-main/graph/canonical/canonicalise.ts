/**
 * @file Brings a decoded model to one dialect: opset-17 operators, constants as initializers, no Identity or Dropout,
 * inputs that are only weights removed, nodes in topological order.
 */
import { TapsError } from '../../contract/errors.ts';
import type { HostTensor } from '../../contract/tensors.ts';
import { malformed } from '../onnx/limits.ts';
import type { RawModel } from '../onnx/decode.ts';
import { SUPPORTED_OPERATORS } from '../operators.ts';
import type { Graph, GraphNode } from '../types.ts';
import { rewriteNode, withoutEffect } from './rewrite-node.ts';
import { foldSmallConstants } from './fold-constants.ts';
import { checkValues, nameNodesApart, onlyFirstOutputs } from './check-graph.ts';

export function canonicalise(raw: RawModel): Graph {
  const initializers = new Map(raw.initializers);
  const alias = new Map<string, string>();
  const nodes: GraphNode[] = [];
  const taken = new Set([...initializers.keys(), ...raw.nodes.flatMap(({ outputs }) => outputs)]);
  const constant = (wanted: string, tensor: HostTensor): string => {
    let name = wanted;
    for (let count = 2; taken.has(name); count++) name = `${wanted}_${String(count)}`;
    taken.add(name);
    initializers.set(name, tensor);
    return name;
  };
  for (const source of onlyFirstOutputs(sorted(raw), raw.outputs)) {
    const node = { ...source, inputs: source.inputs.map((name) => resolve(alias, name)) };
    if (!SUPPORTED_OPERATORS.includes(node.op)) {
      throw new TapsError('model-unsupported', `The model uses the operator ${node.op} (node ${node.name}), which cannot be trained here.`, 'Export the model with the operators listed in docs/models.md.');
    }
    if (node.op === 'Constant') {
      const [output] = node.outputs;
      if (output !== undefined) initializers.set(output, constantValue(node));
      continue;
    }
    if (node.op === 'Identity' || node.op === 'Dropout' || withoutEffect(node, initializers)) {
      const [from] = node.inputs;
      const [to] = node.outputs;
      if (from === undefined || to === undefined) throw malformed(`node ${node.name} lacks input or output`);
      const shared = initializers.get(from);
      // Exporters store equal weights once and point to them by Identity; as parameters they are separate.
      if (shared === undefined) alias.set(to, from);
      else initializers.set(to, shared);
      continue;
    }
    nodes.push(...rewriteNode(node, raw.opset, constant, initializers));
  }
  const outputs = raw.outputs.map((output) => {
    const from = resolve(alias, output.name);
    return from === output.name ? output : { ...output, name: from };
  });
  const graph: Graph = {
    name: raw.name === '' ? 'model' : raw.name,
    // Old exporters list weights among the inputs.
    inputs: raw.inputs.filter((input) => !raw.initializers.has(input.name)),
    outputs,
    nodes,
    initializers,
    metadata: { ...raw.metadata },
  };
  foldSmallConstants(graph);
  dropUnused(graph);
  nameNodesApart(graph.nodes);
  checkValues(graph);
  return graph;
}

function resolve(alias: ReadonlyMap<string, string>, name: string): string {
  return alias.get(name) ?? name;
}

function constantValue(node: GraphNode): HostTensor {
  const { value, value_int: int, value_ints: ints, value_float: float, value_floats: floats } = node.attributes;
  if (value?.kind === 'tensor') return value.value;
  if (int?.kind === 'int') return { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(int.value)) };
  if (ints?.kind === 'ints') return { dtype: 'int64', shape: [ints.value.length], data: BigInt64Array.from(ints.value, BigInt) };
  if (float?.kind === 'float') return { dtype: 'float32', shape: [], data: Float32Array.of(float.value) };
  if (floats?.kind === 'floats') return { dtype: 'float32', shape: [floats.value.length], data: Float32Array.from(floats.value) };
  throw malformed(`the constant ${node.name} has no value that can be read`);
}

/** Topological order; ONNX demands it, files do not always obey. Refuses cycles, doubly made and missing values. */
function sorted(raw: RawModel): GraphNode[] {
  const producer = new Map<string, GraphNode>();
  const known = new Set([...raw.initializers.keys(), ...raw.inputs.map((input) => input.name)]);
  for (const node of raw.nodes) {
    for (const output of node.outputs) {
      if (output === '') continue;
      if (producer.has(output) || known.has(output)) throw malformed(`the value ${output} is made twice`);
      producer.set(output, node);
    }
  }
  const state = new Map<GraphNode, 'open' | 'done'>();
  const order: GraphNode[] = [];
  for (const root of raw.nodes) {
    // An explicit stack: a graph may be deeper than the call stack.
    const stack: GraphNode[] = [root];
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      if (state.get(node) === 'done') {
        stack.pop();
        continue;
      }
      state.set(node, 'open');
      const pending = missingInputs(node, producer, known, state);
      if (pending.length === 0) {
        state.set(node, 'done');
        order.push(node);
        stack.pop();
      } else {
        if (pending.some((other) => state.get(other) === 'open')) throw malformed(`node ${node.name} depends on itself`);
        // One by one: as arguments of a call, very many would not fit the call stack.
        for (const other of pending) stack.push(other);
      }
    }
  }
  for (const { name } of raw.outputs) {
    if (!producer.has(name) && !known.has(name)) throw malformed(`the output ${name} is never made`);
  }
  return order;
}

function missingInputs(node: GraphNode, producer: ReadonlyMap<string, GraphNode>, known: ReadonlySet<string>, state: ReadonlyMap<GraphNode, string>): GraphNode[] {
  const pending: GraphNode[] = [];
  for (const input of node.inputs) {
    if (input === '' || known.has(input)) continue;
    const made = producer.get(input);
    if (made === undefined) throw malformed(`node ${node.name} uses ${input}, which nothing makes`);
    if (state.get(made) !== 'done') pending.push(made);
  }
  return pending;
}

/** Nodes and tensors that no output depends on. */
export function dropUnused(graph: Graph): void {
  const needed = new Set(graph.outputs.map((output) => output.name));
  const kept: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    for (const input of node.inputs) needed.add(input);
    kept.push(node);
  }
  graph.nodes = kept.reverse();
  for (const name of graph.initializers.keys()) if (!needed.has(name)) graph.initializers.delete(name);
}
