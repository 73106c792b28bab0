/** @file Finds the classifier: the last matrix product with a constant weight before the output. */
import { TapsError } from '../../contract/errors.ts';
import type { HostTensor } from '../../contract/tensors.ts';
import type { Graph, GraphNode, HeadLocation } from '../types.ts';

/** What may stand between classifier and output. */
const AFTER_HEAD = new Set(['Softmax', 'LogSoftmax', 'Sigmoid', 'Flatten', 'Reshape', 'Squeeze', 'Add', 'Identity']);

export function findHead(graph: Graph): HeadLocation {
  const producer = new Map<string, GraphNode>();
  for (const node of graph.nodes) for (const output of node.outputs) producer.set(output, node);
  const nodeNames: string[] = [];
  const biases: string[] = [];
  let value = graph.outputs[0]?.name ?? '';
  for (let node = producer.get(value); node !== undefined; node = producer.get(value)) {
    if (node.op === 'Gemm' || node.op === 'MatMul') {
      const located = classifierOf(graph, node, producer);
      if (located === undefined) break;
      return { ...located, parameterNames: [...located.parameterNames, ...biases], nodeNames: [node.name, ...nodeNames.reverse()] };
    }
    if (!AFTER_HEAD.has(node.op)) break;
    const dynamic = node.inputs.filter((name) => name !== '' && !graph.initializers.has(name));
    if (node.op === 'Add') {
      if (dynamic.length !== 1) break;
      biases.push(...node.inputs.filter((name) => graph.initializers.has(name)));
    }
    nodeNames.push(node.name);
    value = dynamic[0] ?? '';
  }
  return withoutClassifier(graph);
}

function classifierOf(graph: Graph, node: GraphNode, producer: ReadonlyMap<string, GraphNode>): Omit<HeadLocation, 'nodeNames'> | undefined {
  const [featureValue = '', weightInput = '', bias] = node.inputs;
  const turn = producer.get(weightInput);
  const turned = turn?.op === 'Transpose';
  const weightName = turned ? (turn.inputs[0] ?? '') : weightInput;
  const weight: HostTensor | undefined = graph.initializers.get(weightName);
  if (weight?.shape.length !== 2) return undefined;
  const { transB } = node.attributes;
  const transposed = (transB?.kind === 'int' && transB.value === 1) !== turned;
  const [a = 0, b = 0] = weight.shape;
  const [features, classes] = transposed ? [b, a] : [a, b];
  const parameterNames = [weightName, ...(bias !== undefined && graph.initializers.has(bias) ? [bias] : [])];
  return { featureValue, features, classes, parameterNames };
}

/** A feature extractor: its output is the feature vector. */
function withoutClassifier(graph: Graph): HeadLocation {
  const [output] = graph.outputs;
  const features = output?.shape[1];
  if (output === undefined || output.shape.length !== 2 || typeof features !== 'number') {
    throw new TapsError(
      'model-unsupported',
      `The model's output ${output?.name ?? ''} [${output?.shape.join(', ') ?? ''}] is neither a classifier's nor a vector of known length.`,
      'Export a classifier, or a feature extractor with output [batch, features].',
    );
  }
  return { featureValue: output.name, features, classes: 0, parameterNames: [], nodeNames: [] };
}
