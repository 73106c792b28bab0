/** @file Interprets a model graph as tfjs ops: the one differentiable meaning of every operator. */
import { TapsError } from '../contract/errors.ts';
import type { Tensor } from '../engine/tfjs.ts';
import type { ActivationLayout } from '../engine/types.ts';
import type { Graph, GraphNode } from '../graph/types.ts';
import type { OperatorContext } from './context.ts';
import { elementwiseOperators } from './elementwise.ts';
import { evaluateOnHost } from '../graph/host-operators.ts';
import { matrixOperators } from './matrix.ts';
import { normalizationOperators } from './normalization.ts';
import { shapeOperators } from './shape.ts';
import { asNatural, natural, type Value } from './value.ts';
import { windowOperators } from './windows.ts';

const OPERATORS = {
  ...elementwiseOperators,
  ...matrixOperators,
  ...normalizationOperators,
  ...shapeOperators,
  ...windowOperators,
};

/** Operators with a differentiable implementation. */
export const IMPLEMENTED_OPERATORS: readonly string[] = Object.keys(OPERATORS);

/** How nodes are run. */
export interface NodeRun {
  graph: Graph;
  layout: ActivationLayout;
  normalization: 'batch' | 'running';
  /** Tensor of a parameter; undefined for initializers that stay constants. */
  parameter(name: string): Tensor | undefined;
  onStatistics?: OperatorContext['onStatistics'];
}

export interface GraphRun extends NodeRun {
  /** [N, 3, H, W] */
  images: Tensor;
  /** Name of the value to return, e.g. the input of the classifier. */
  output: string;
}

export interface PartRun extends NodeRun {
  /** In topological order. */
  nodes: readonly GraphNode[];
  /** Values that are there before the first node, by name. */
  given: ReadonlyMap<string, Value>;
  /** Called after every node with what went in and came out. */
  onNode?(node: GraphNode, inputs: readonly (Value | undefined)[], results: readonly Value[]): void;
}

/**
 * Runs the nodes that `output` depends on and returns it in ONNX's axis order.
 * @throws TapsError `model-unsupported` when a node cannot be run at this input size
 */
export function runGraph(run: GraphRun): Tensor {
  const { graph, images, output } = run;
  const given = new Map([[imageInput(graph), natural(images)]]);
  return asNatural(valueOf(runPart({ ...run, nodes: neededNodes(graph, output), given }), output));
}

/** Name of the graph's image input. @throws TapsError `model-malformed` */
export function imageInput({ inputs: [input] }: Graph): string {
  if (input === undefined) throw new TapsError('model-malformed', 'The model has no input.', 'Export it with one image input.');
  return input.name;
}

/** @throws TapsError `model-malformed` when no node made it */
export function valueOf(values: ReadonlyMap<string, Value>, name: string): Value {
  const value = values.get(name);
  if (value === undefined) throw new TapsError('model-malformed', `The model never makes ${name}.`, 'Export the model again.');
  return value;
}

/**
 * Runs some of a graph's nodes. Returns all values by name, the given ones too.
 * @throws TapsError `model-unsupported` when a node cannot be run at this input size
 */
export function runPart(run: PartRun): Map<string, Value> {
  const { graph, nodes } = run;
  const values = new Map(run.given);
  const value = (name: string): Value | undefined => {
    if (name === '') return undefined;
    const known = values.get(name);
    if (known !== undefined) return known;
    const parameter = run.parameter(name);
    const host = graph.initializers.get(name);
    if (parameter === undefined && host === undefined) throw new TapsError('model-malformed', `The value ${name} is used before it is made.`, 'Export the model again.');
    const made: Value | undefined = parameter !== undefined ? natural(parameter) : host === undefined ? undefined : { kind: 'host', host };
    if (made !== undefined) values.set(name, made);
    return made;
  };
  for (const node of nodes) {
    const inputs = node.inputs.map(value);
    const results = runNode(node, inputs, run);
    node.outputs.forEach((name, index) => {
      const result = results[index];
      if (result !== undefined && name !== '') values.set(name, result);
    });
    run.onNode?.(node, inputs, results);
  }
  return values;
}

function runNode(node: GraphNode, inputs: (Value | undefined)[], run: NodeRun): Value[] {
  const present = inputs.filter((entry) => entry !== undefined);
  const hosts = inputs.map((entry) => (entry?.kind === 'host' ? entry.host : undefined));
  if (present.every((entry) => entry.kind === 'host')) {
    const evaluated = evaluateOnHost(node, hosts);
    if (evaluated !== undefined) return evaluated.map((host) => ({ kind: 'host', host }));
  }
  const operator = OPERATORS[node.op];
  if (operator === undefined) {
    throw new TapsError('model-unsupported', `Node ${node.name} uses ${node.op}, which cannot be trained here.`, 'Export the model with the operators listed in docs/models.md.');
  }
  try {
    return operator({
      node,
      inputs,
      layout: run.layout,
      normalization: run.normalization,
      onStatistics: run.onStatistics ?? (() => undefined),
    });
  } catch (error) {
    if (error instanceof TapsError) throw error;
    throw new TapsError(
      'model-unsupported',
      `Node ${node.name} (${node.op}) cannot run: ${error instanceof Error ? error.message : String(error)}`,
      'Check that the image size suits this model.',
      { cause: error },
    );
  }
}

/** In order, only what `output` depends on. */
export function neededNodes(graph: Graph, output: string): GraphNode[] {
  const needed = new Set([output]);
  const kept: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    for (const name of node.inputs) needed.add(name);
    kept.push(node);
  }
  return kept.reverse();
}

