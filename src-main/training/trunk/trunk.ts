/**
 * @file The trunk of a run: the lowest part of the network, which stays the base's.
 *
 * [Note: Trunk] A network is cut where a single value passes from its lower to its upper part: between two blocks. Everything below
 * keeps the base's weights and normalises with the base's running statistics, so it is one function for every epoch and every task:
 * it is not differentiated, what it makes of a picture can be kept, and tasks that have it in common compute it once. The upper part
 * learns as its method says. Share of the trunk: its part of the multiplications of one forward pass.
 */
import { TapsError } from '../../contract/errors.ts';
import type { HostTensor } from '../../contract/tensors.ts';
import { traceProgram } from '../../engine/tracing/recording-backend.ts';
import { tf } from '../../engine/tfjs.ts';
import { baseValue } from '../../graph/base-value.ts';
import type { BaseModel, GraphNode } from '../../graph/types.ts';
import { multiplications } from '../../operators/multiplications.ts';
import { imageInput, neededNodes, runPart } from '../../operators/run-graph.ts';
import { natural, shapeOf, type Value } from '../../operators/value.ts';

export interface Trunk {
  /** Nodes of the trunk and of what is above it up to the head, in topological order. */
  below: readonly GraphNode[];
  above: readonly GraphNode[];
  /** The one value that passes from below to above, [batch, …shape]. */
  value: { name: string; shape: readonly number[] };
  /** Values from below that do not depend on the pictures: shapes and the like. */
  hosts: ReadonlyMap<string, HostTensor>;
  /** Part of the multiplications of one forward pass, 0..1. */
  share: number;
}

/** A place where the network can be cut. */
type Cut = Trunk;

export interface TrunkShape {
  batchSize: number;
  imageSize: number;
}

/**
 * The largest trunk whose share is at most `share`.
 * @param share above 0, below 1
 * @throws TapsError `invalid-config` when the network cannot be cut so low, with the smallest share at which it can
 */
export function chooseTrunk(base: BaseModel, shape: TrunkShape, share: number): Trunk {
  // The topmost cut is below the head: nothing but the head would learn, and that is another method.
  const cuts = possibleCuts(base, shape).filter(({ value }) => value.name !== base.head.featureValue);
  const best = cuts.findLast((cut) => cut.share <= share + 1e-9);
  if (best !== undefined) return best;
  const least = cuts[0];
  throw new TapsError(
    'invalid-config',
    `The network cannot be cut so that its trunk is at most ${percent(share)} of a forward pass.`,
    least === undefined ? 'It has no place where one value passes between two parts; learn without a trunk.' : `Give at least ${percent(least.share)}, or learn without a trunk.`,
  );
}

/** All of the network below the head, for runs that learn nothing there. */
export function wholeTrunk(base: BaseModel, shape: TrunkShape): Trunk | null {
  return possibleCuts(base, shape).find(({ value }) => value.name === base.head.featureValue) ?? null;
}

/** Multiplications of one forward pass of a batch, head left out. */
export function forwardMultiplications(base: BaseModel, shape: TrunkShape): number {
  return traceForward(base, shape).cost.reduce((sum, value) => sum + value, 0);
}

interface ForwardTrace {
  /** What the features depend on, in topological order. */
  nodes: GraphNode[];
  /** Multiplications by node. */
  cost: number[];
  /** In ONNX's axis order, of values that depend on the pictures. */
  shapes: Map<string, number[]>;
  /** Values that do not. */
  hosts: Map<string, HostTensor>;
}

/** The forward pass as shapes: nothing is computed. */
function traceForward(base: BaseModel, { batchSize, imageSize }: TrunkShape): ForwardTrace {
  const { graph, head } = base;
  const nodes = neededNodes(graph, head.featureValue);
  const shapes = new Map<string, number[]>();
  const hosts = new Map<string, HostTensor>();
  const cost: number[] = [];
  traceProgram({ images: [batchSize, 3, imageSize, imageSize] }, ({ images }) => {
    if (images === undefined) throw new Error('The trace has no images.');
    const note = (name: string, value: Value): void => {
      if (value.kind === 'host') hosts.set(name, value.host);
      else shapes.set(name, shapeOf(value));
    };
    runPart({
      graph,
      nodes,
      given: new Map([[imageInput(graph), natural(images)]]),
      layout: 'nchw',
      normalization: 'running',
      parameter: parametersAsTensors(base),
      onNode(node, inputs, results) {
        node.outputs.forEach((name, index) => {
          const result = results[index];
          if (result !== undefined) note(name, result);
        });
        cost.push(multiplications(node, inputs, results));
      },
    });
    return {};
  });
  return { nodes, cost, shapes, hosts };
}

/** Where the network can be cut, from the pictures up. */
export function possibleCuts(base: BaseModel, shape: TrunkShape): Cut[] {
  const { graph, head } = base;
  const { batchSize } = shape;
  const { nodes, cost, shapes, hosts } = traceForward(base, shape);
  const total = cost.reduce((sum, value) => sum + value, 0);
  const lastUse = new Map<string, number>([[head.featureValue, nodes.length]]);
  nodes.forEach((node, index) => {
    for (const name of node.inputs) lastUse.set(name, Math.max(lastUse.get(name) ?? 0, index));
  });
  const cuts: Cut[] = [];
  const alive = new Set<string>([imageInput(graph)]);
  let done = 0;
  nodes.forEach((node, index) => {
    done += cost[index] ?? 0;
    for (const name of node.outputs) alive.add(name);
    for (const name of alive) if ((lastUse.get(name) ?? -1) <= index) alive.delete(name);
    const passing = [...alive].filter((name) => !hosts.has(name));
    const [name] = passing;
    const size = name === undefined ? undefined : shapes.get(name);
    if (name === undefined || passing.length !== 1 || size?.[0] !== batchSize || done === 0) return;
    const kept = new Map([...alive].flatMap((other) => [[other, hosts.get(other)] as const]).filter((pair): pair is readonly [string, HostTensor] => pair[1] !== undefined));
    cuts.push({ below: nodes.slice(0, index + 1), above: nodes.slice(index + 1), value: { name, shape: size.slice(1) }, hosts: kept, share: total === 0 ? 0 : done / total });
  });
  return cuts;
}

/** Parameters that are tensors in a step; everything else (shapes, scalars) stays on the host. */
function parametersAsTensors(base: BaseModel): (name: string) => ReturnType<typeof tf.tensor> | undefined {
  const roles = new Map(base.parameters.map(({ name, role }) => [name, role]));
  return (name) => {
    const role = roles.get(name);
    if (role === undefined || role === 'constant' || role === 'head') return undefined;
    const { data, shape } = baseValue(base, name);
    return tf.tensor(data, [...shape]);
  };
}

function percent(fraction: number): string {
  return `${(Math.ceil(fraction * 1000) / 10).toFixed(1)} %`;
}
