/** @file What an operator's implementation receives. */
import type { ActivationLayout } from '../engine/types.ts';
import type { GraphNode } from '../graph/types.ts';
import type { Tensor } from '../engine/tfjs.ts';
import type { Value } from './value.ts';

export interface OperatorContext {
  node: GraphNode;
  /** In the node's order; undefined for omitted optional inputs. */
  inputs: (Value | undefined)[];
  /** Physical layout that convolutions produce on this engine. */
  layout: ActivationLayout;
  /** Statistics of batch normalisation: of the batch (training) or the running ones. */
  normalization: 'batch' | 'running';
  /** Called by batch normalisation in 'batch' mode with its updated running statistics. */
  onStatistics(meanName: string, varianceName: string, mean: Tensor, variance: Tensor): void;
}

export type Operator = (context: OperatorContext) => Value[];

/** Input that must be present. */
export function input({ inputs, node }: OperatorContext, index: number): Value {
  const value = inputs[index];
  if (value === undefined) throw new Error(`Node ${node.name} (${node.op}) lacks its input ${String(index)}.`);
  return value;
}

export function intAttribute({ node }: OperatorContext, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  return attribute?.kind === 'int' ? attribute.value : fallback;
}

export function floatAttribute({ node }: OperatorContext, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  return attribute?.kind === 'float' || attribute?.kind === 'int' ? attribute.value : fallback;
}

export function intsAttribute({ node }: OperatorContext, name: string): number[] | undefined {
  const attribute = node.attributes[name];
  return attribute?.kind === 'ints' ? attribute.value : undefined;
}

export function stringAttribute({ node }: OperatorContext, name: string, fallback: string): string {
  const attribute = node.attributes[name];
  return attribute?.kind === 'string' ? attribute.value : fallback;
}
