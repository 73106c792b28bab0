/** @file What a base consists of: its parameters with their roles, and its classifier. */
import { TapsError } from '../../contract/errors.ts';
import { elementCount, type HostTensor } from '../../contract/tensors.ts';
import type { BaseModel, Graph, GraphNode, Parameter, ParameterRole } from '../types.ts';
import { findHead } from './find-head.ts';

/** Operators that only rearrange a weight on its way to its layer. */
const REARRANGING = new Set(['Transpose', 'Reshape', 'Unsqueeze', 'Squeeze', 'Flatten', 'Cast']);

/**
 * @throws TapsError `model-unsupported` for models that are not one image in, one vector out, float32 weights
 */
export function analyseBase(graph: Graph): BaseModel {
  checkInterface(graph);
  const head = findHead(graph);
  const parameters = findParameters(graph, new Set(head.parameterNames));
  if (!parameters.some(({ role }) => role === 'gated')) {
    throw new TapsError('model-unsupported', 'The model has no convolution or matrix product with weights besides its head.', 'Choose a network with layers to adapt.');
  }
  return { graph, parameters, head };
}

function checkInterface(graph: Graph): void {
  const [image, ...others] = graph.inputs;
  if (image === undefined || others.length > 0 || graph.outputs.length !== 1) {
    throw new TapsError('model-unsupported', `The model has ${String(graph.inputs.length)} inputs and ${String(graph.outputs.length)} outputs.`, 'Export it with one image as input and one vector as output.');
  }
  if (image.shape.length !== 4 || image.dtype !== 'float32' || (typeof image.shape[1] === 'number' && image.shape[1] !== 3)) {
    throw new TapsError('model-unsupported', `The model's input ${image.name} is ${image.dtype} [${image.shape.join(', ')}].`, 'Export it with an image input [batch, 3, height, width] in float32.');
  }
}

/** Role by the node that consumes the parameter; a tensor used twice gets the first (and strongest) role. */
function findParameters(graph: Graph, headNames: ReadonlySet<string>): Parameter[] {
  const found = new Map<string, Parameter>();
  const origin = new Map<string, string>();
  const add = (name: string, role: ParameterRole, node: GraphNode, nodeIndex: number): void => {
    const tensor = graph.initializers.get(name);
    if (tensor === undefined) return;
    const known = found.get(name);
    if (known !== undefined && !(role === 'gated' && known.role !== 'gated' && known.role !== 'head')) return;
    found.set(name, { name, role: headNames.has(name) ? 'head' : role, shape: tensor.shape, nodeName: node.name, nodeOp: node.op, nodeIndex });
  };
  graph.nodes.forEach((node, nodeIndex) => {
    const sources = node.inputs.map((name) => origin.get(name) ?? name);
    const [data = ''] = sources;
    if (REARRANGING.has(node.op) && isTrainable(graph.initializers.get(data))) {
      const [output = ''] = node.outputs;
      origin.set(output, data);
      return;
    }
    sources.forEach((name, position) => {
      const tensor = graph.initializers.get(name);
      if (tensor === undefined) return;
      const role = roleOf(node, position, tensor);
      if (role !== 'constant') requireFloat32(name, tensor);
      add(name, role, node, nodeIndex);
    });
  });
  return [...found.values()];
}

function roleOf(node: GraphNode, position: number, tensor: HostTensor): ParameterRole {
  switch (node.op) {
    case 'Conv':
      return position === 1 ? 'gated' : 'bias';
    case 'MatMul':
      return tensor.shape.length === 2 ? 'gated' : 'embedding';
    case 'Gemm':
      return position === 2 ? 'bias' : 'gated';
    case 'BatchNormalization':
      return position <= 2 ? 'norm-affine' : 'norm-statistic';
    case 'LayerNormalization':
      return 'norm-affine';
    case 'Add':
    case 'Sub':
      return isTrainable(tensor) ? (tensor.shape.filter((size) => size > 1).length === 1 ? 'bias' : 'embedding') : 'constant';
    case 'Mul':
    case 'Concat':
    case 'Expand':
    case 'Where':
      return isTrainable(tensor) ? 'embedding' : 'constant';
    default:
      return 'constant';
  }
}

/** Scalars and integers are settings, not weights. */
function isTrainable(tensor: HostTensor | undefined): boolean {
  return tensor !== undefined && (tensor.dtype === 'float32' || tensor.dtype === 'float16' || tensor.dtype === 'float64') && elementCount(tensor.shape) > 1;
}

function requireFloat32(name: string, tensor: HostTensor): void {
  if (tensor.dtype !== 'float32') {
    throw new TapsError('model-unsupported', `The weight ${name} is ${tensor.dtype}.`, 'Convert the model to float32.');
  }
  const bad = (tensor.data as Float32Array).findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new TapsError('model-malformed', `The weight ${name} has the value ${String(tensor.data[bad])} at position ${String(bad)}.`, 'Export a model with finite weights.');
  }
}
