/** @file A small network with many weights for its work: what switching costs shows in it. Stored as the trainer reads it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BaseFiles } from '../../src-main/contract/trainer-protocol.ts';
import { writeSafetensors } from '../../src-main/formats/safetensors.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { splitWeights } from '../../src-main/graph/topology.ts';
import type { BaseModel, Graph, GraphNode } from '../../src-main/graph/types.ts';
import { sha256OfBytes } from '../../src-main/platform/hash.ts';

/** Pictures [N, 3, 12, 12] → 2048 → 1024 features → 4 classes; 3.3 million weights, 13 MB. */
export function wideBase(): BaseModel {
  const weight = (shape: number[], scale: number): { dtype: 'float32'; shape: number[]; data: Float32Array } => ({
    dtype: 'float32',
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => scale * Math.sin(index * 0.71)),
  });
  const node = (op: string, inputs: string[], output: string, attributes: GraphNode['attributes'] = {}): GraphNode => ({ name: output, op, inputs, outputs: [output], attributes });
  const graph: Graph = {
    name: 'wide',
    inputs: [{ name: 'image', dtype: 'float32', shape: ['batch', 3, 12, 12] }],
    outputs: [{ name: 'out', dtype: 'float32', shape: ['batch', 4] }],
    nodes: [
      node('Conv', ['image', 'conv'], 'patches', { strides: { kind: 'ints', value: [4, 4] }, kernel_shape: { kind: 'ints', value: [4, 4] } }),
      node('Flatten', ['patches'], 'flat', { axis: { kind: 'int', value: 1 } }),
      node('MatMul', ['flat', 'first'], 'a'),
      node('Relu', ['a'], 'ra'),
      node('MatMul', ['ra', 'second'], 'b'),
      node('Relu', ['b'], 'rb'),
      node('Gemm', ['rb', 'head', 'bias'], 'out', { transB: { kind: 'int', value: 1 } }),
    ],
    initializers: new Map([['conv', weight([64, 3, 4, 4], 0.1)], ['first', weight([576, 2048], 0.05)], ['second', weight([2048, 1024], 0.03)], ['head', weight([4, 1024], 0.05)], ['bias', weight([4], 0)]]),
    metadata: {},
  };
  return analyseBase(graph);
}

/** Writes the two files of a base into a folder. */
export function storeBase(base: BaseModel, folder: string, baseId: string): BaseFiles {
  const { topology, weights } = splitWeights(base.graph);
  const bytes = writeSafetensors(weights, {});
  const [graphPath, weightsPath] = [join(folder, 'wide.onnx'), join(folder, 'wide.safetensors')];
  writeFileSync(graphPath, topology);
  writeFileSync(weightsPath, bytes);
  return { baseId, graphPath, graphSha256: sha256OfBytes(topology), weightsPath, weightsSha256: sha256OfBytes(bytes) };
}
