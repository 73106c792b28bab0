/** @file Trace → ONNX graph: reachable calls only, inputs and outputs under their own names. */
import type { FloatTensor } from '../../contract/tensors.ts';
import { branchesOf, namesRead } from '../../graph/subgraphs.ts';
import type { Graph, GraphNode } from '../../graph/types.ts';
import { inputsOf, reachableCalls, type Trace, type TraceCall, type TraceValue } from '../tracing/trace.ts';
import { gatedSums, lowerGatedSum, type GatedSum } from './closed-gates.ts';
import { Emitter } from './emitter.ts';
import { lowerCall } from './kernels.ts';

/**
 * @param constants inputs of the trace that become initializers, by name
 * @param channelBlock channels per block of the runtime's blocked operators, 0 = none
 * @param lower how a call is written; another processor may want other nodes
 * @returns a graph whose inputs are the remaining trace inputs that are used, whose outputs are the trace's
 */
export function lowerTrace(name: string, trace: Trace, constants: Record<string, FloatTensor>, channelBlock: number, lower: typeof lowerCall = lowerCall): Graph {
  const emit = new Emitter(channelBlock);
  const names = new Map<number, string>();
  const calls = reachableCalls(trace);
  const used = new Set<number>();
  for (const call of calls) for (const value of inputsOf(call)) used.add(value.id);
  for (const value of trace.outputs.values()) used.add(value.id);

  const inputs: Graph['inputs'] = [];
  for (const [inputName, value] of trace.inputs) {
    if (!used.has(value.id)) continue;
    names.set(value.id, inputName);
    const constant = constants[inputName];
    if (constant === undefined) inputs.push({ name: inputName, dtype: 'float32', shape: [...value.shape] });
    else emit.initializers.set(inputName, { dtype: 'float32', shape: value.shape, data: constant.data });
  }
  const nameOf = (value: TraceValue): string => {
    const known = names.get(value.id);
    if (known !== undefined) return known;
    if (value.constant === undefined) throw new Error(`Value ${String(value.id)} is used before it is made.`);
    const made = constantName(emit, value);
    names.set(value.id, made);
    return made;
  };
  // Only the CPU's runtime is known to choose for less than a pass over memory.
  const sums = lower === lowerCall ? gatedSums(calls) : new Map<TraceCall, GatedSum>();
  for (const call of calls) {
    const byId = new Map(inputsOf(call).map((value) => [value.id, value]));
    const sum = sums.get(call);
    const outputs =
      sum !== undefined
        ? [lowerGatedSum(emit, nameOf(sum.a), nameOf(sum.gate), nameOf(sum.x), sum.a.shape)]
        : lower(emit, call, (id) => {
            const value = byId.get(id);
            if (value === undefined) throw new Error(`Call ${call.kernel} names a value that is not its input.`);
            return nameOf(value);
          });
    call.outputs.forEach((value, index) => {
      const output = outputs[index];
      if (output !== undefined) names.set(value.id, output);
    });
  }
  const outputs: Graph['outputs'] = [];
  const made = new Set(emit.nodes.flatMap((node) => node.outputs));
  const renamed = new Map<string, string>();
  for (const [outputName, value] of trace.outputs) {
    const own = nameOf(value);
    // Another value, computed alike, may have been an output already.
    const from = renamed.get(own) ?? own;
    // The node that makes the value takes the output's name, which costs nothing; an input, a constant or another output is copied.
    if (made.has(from)) renamed.set(from, outputName);
    else emit.nodes.push({ name: `copy_${outputName}`, op: 'Identity', inputs: [from], outputs: [outputName], attributes: {} });
    names.set(value.id, outputName);
    outputs.push({ name: outputName, dtype: 'float32', shape: [...value.shape] });
  }
  const finalName = (name: string): string => renamed.get(name) ?? name;
  for (const node of emit.nodes) {
    node.outputs = node.outputs.map(finalName);
    node.inputs = node.inputs.map(finalName);
    for (const inner of branchesOf(node).flatMap((branch) => branch.nodes)) inner.inputs = inner.inputs.map(finalName);
  }
  return { name, inputs, outputs, nodes: pruned(emit.nodes, outputs.map((output) => output.name)), initializers: emit.initializers, metadata: {} };
}

function constantName(emit: Emitter, value: TraceValue): string {
  const data = value.constant;
  if (!(data instanceof Float32Array)) {
    if (value.dtype === 'float32') return emit.float(value.shape, Float32Array.from(data ?? []));
    throw new Error(`A ${value.dtype} constant of shape [${value.shape.join(', ')}] cannot be lowered.`);
  }
  const [first = 0] = data;
  const uniform = data.every((element) => Object.is(element, first));
  if (uniform) return data.length === 1 && value.shape.length === 0 ? emit.scalar(first) : emit.one('Expand', [emit.scalar(first), emit.int64(value.shape)]);
  return emit.float(value.shape, data);
}

/** Drops nodes that nothing needs: a call with several outputs may be wanted for one of them only. */
function pruned(nodes: GraphNode[], outputs: string[]): GraphNode[] {
  const needed = new Set(outputs);
  const kept: GraphNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    for (const input of namesRead(node)) needed.add(input);
    kept.push(node);
  }
  return kept.reverse();
}
