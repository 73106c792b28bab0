/** @file Differences between opsets 9–21 and 17, node by node. */
import { TapsError } from '../../contract/errors.ts';
import type { HostTensor } from '../../contract/tensors.ts';
import { malformed } from '../onnx/limits.ts';
import type { AttributeValue, GraphNode } from '../types.ts';

type AddConstant = (name: string, tensor: HostTensor) => string;

const int64 = (values: readonly number[]): HostTensor => ({ dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) });
const float = (value: number): HostTensor => ({ dtype: 'float32', shape: [], data: Float32Array.of(value) });

/** Attribute lists that later opsets take as inputs: [operator, first opset with inputs, attributes in input order]. */
const LISTS_TO_INPUTS: readonly [string, number, readonly string[]][] = [
  ['Squeeze', 13, ['axes']],
  ['Unsqueeze', 13, ['axes']],
  ['ReduceSum', 13, ['axes']],
  ['Split', 13, ['split']],
  ['Slice', 10, ['starts', 'ends', 'axes']],
  ['Pad', 11, ['pads', 'value']],
  ['Clip', 11, ['min', 'max']],
];

export function rewriteNode(
  node: GraphNode,
  opset: number,
  constant: AddConstant,
  initializers: ReadonlyMap<string, HostTensor>,
): GraphNode[] {
  const rewritten: GraphNode = { ...node, attributes: { ...node.attributes } };
  for (const [op, since, names] of LISTS_TO_INPUTS) {
    if (rewritten.op === op && opset < since) moveToInputs(rewritten, names, constant);
  }
  switch (rewritten.op) {
    case 'ReduceMean':
      if (rewritten.inputs.length > 1) axesToAttribute(rewritten, initializers);
      delete rewritten.attributes['noop_with_empty_axes'];
      break;
    case 'ReduceSum':
      delete rewritten.attributes['noop_with_empty_axes'];
      if (isEmpty(initializers.get(rewritten.inputs[1] ?? ''))) rewritten.inputs.length = 1;
      break;
    case 'Softmax':
    case 'LogSoftmax':
      return opset < 13 ? softmaxBefore13(rewritten) : [rewritten];
    case 'Shape':
      return wholeShape(rewritten, constant);
    case 'Cast':
      // Concerns 8-bit floats only (opset 19).
      delete rewritten.attributes['saturate'];
      break;
    case 'Gelu':
      return geluByErf(rewritten, constant);
    case 'Pad':
      padInputs(rewritten);
      break;
    case 'BatchNormalization':
      delete rewritten.attributes['spatial'];
      delete rewritten.attributes['training_mode'];
      rewritten.outputs = rewritten.outputs.slice(0, 1);
      break;
    case 'Split':
      // num_outputs (opset 18) only repeats the number of outputs.
      delete rewritten.attributes['num_outputs'];
      break;
    case 'AveragePool':
      if (dilated(rewritten)) throw new TapsError('model-unsupported', `Node ${node.name} is an average pooling with dilations.`, 'Export the model without dilated pooling.');
      delete rewritten.attributes['dilations'];
      break;
    default:
      break;
  }
  return [rewritten];
}

function moveToInputs(node: GraphNode, names: readonly string[], constant: AddConstant): void {
  if (node.inputs.length > 1) return;
  const given = names.map((name) => node.attributes[name]);
  names.forEach((name) => Reflect.deleteProperty(node.attributes, name));
  // Trailing absences are left out, inner ones are empty names.
  const last = given.findLastIndex((attribute) => attribute !== undefined);
  given.slice(0, last + 1).forEach((attribute, index) => {
    node.inputs.push(attribute === undefined ? '' : constant(`${node.outputs[0] ?? node.name}/${names[index] ?? ''}`, attributeTensor(attribute, node)));
  });
}

function attributeTensor(attribute: AttributeValue, node: GraphNode): HostTensor {
  if (attribute.kind === 'ints') return int64(attribute.value);
  if (attribute.kind === 'float') return float(attribute.value);
  throw malformed(`node ${node.name} (${node.op}) has an attribute of kind ${attribute.kind}`);
}

function axesToAttribute(node: GraphNode, initializers: ReadonlyMap<string, HostTensor>): void {
  const [data = '', axesName = ''] = node.inputs;
  node.inputs = [data];
  if (axesName === '') return;
  const axes = initializers.get(axesName);
  if (axes === undefined) throw new TapsError('model-unsupported', `Node ${node.name} computes its axes at run time.`, 'Export the model with constant axes.');
  // No axes mean all axes, which an attribute says by its absence.
  if (!isEmpty(axes)) node.attributes['axes'] = { kind: 'ints', value: Array.from(axes.data as Iterable<bigint | number>, Number) };
}

const isEmpty = (tensor: HostTensor | undefined): boolean => tensor?.data.length === 0;

/** Reductions over no axes that are told to do nothing then (`noop_with_empty_axes`, ReduceSum-13 and ReduceMean-18). */
export function withoutEffect({ op, inputs, attributes }: GraphNode, initializers: ReadonlyMap<string, HostTensor>): boolean {
  const { noop_with_empty_axes: noop, axes } = attributes;
  if ((op !== 'ReduceMean' && op !== 'ReduceSum') || noop?.kind !== 'int' || noop.value !== 1 || axes !== undefined) return false;
  const name = inputs[1] ?? '';
  return name === '' || isEmpty(initializers.get(name));
}

/**
 * Before opset 13, softmax (and its logarithm) ran over all axes from `axis` (default 1) on, as if they were one.
 * Only on the last axis is that today's meaning; which axis is the last is not known here, unless it is −1.
 */
function softmaxBefore13(node: GraphNode): GraphNode[] {
  const axis: AttributeValue = node.attributes['axis'] ?? { kind: 'int', value: 1 };
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const last: AttributeValue = { kind: 'int', value: -1 };
  if (axis.kind === 'int' && axis.value === -1) return [node];
  const step = (op: string, inputs: string[], label: string, attributes: GraphNode['attributes']): GraphNode => ({ name: `${node.name}/${label}`, op, inputs, outputs: [`${y}/${label}`], attributes });
  return [
    step('Flatten', [x], 'flat', { axis }),
    { ...node, inputs: [`${y}/flat`], outputs: [`${y}/softmax`], attributes: { axis: last } },
    step('Shape', [x], 'shape', {}),
    { name: `${node.name}/reshape`, op: 'Reshape', inputs: [`${y}/softmax`, `${y}/shape`], outputs: [y], attributes: {} },
  ];
}

/** Shape of some axes (`start` and `end`, opset 15) as a slice of the whole shape. */
function wholeShape(node: GraphNode, constant: AddConstant): GraphNode[] {
  const { start, end, ...attributes } = node.attributes;
  if (start === undefined && end === undefined) return [node];
  const [y = ''] = node.outputs;
  const bound = (attribute: AttributeValue | undefined, label: string, fallback: number): string => constant(`${y}/${label}`, int64([attribute?.kind === 'int' ? attribute.value : fallback]));
  return [
    { ...node, outputs: [`${y}/whole`], attributes },
    { name: `${node.name}/slice`, op: 'Slice', inputs: [`${y}/whole`, bound(start, 'start', 0), bound(end, 'end', Number.MAX_SAFE_INTEGER)], outputs: [y], attributes: {} },
  ];
}

function padInputs(node: GraphNode): void {
  const mode = node.attributes['mode'];
  if (mode?.kind === 'string' && mode.value !== 'constant') {
    throw new TapsError('model-unsupported', `Node ${node.name} pads by ${mode.value}.`, 'Only constant padding can be trained here.');
  }
  if ((node.inputs[3] ?? '') !== '') throw new TapsError('model-unsupported', `Node ${node.name} pads chosen axes only.`, 'Export the model with an opset below 18.');
}

function dilated(node: GraphNode): boolean {
  const { dilations } = node.attributes;
  return dilations?.kind === 'ints' && dilations.value.some((value) => value !== 1);
}

/** Gelu(x) = x/2·(1 + erf(x/√2)), or its tanh approximation (ONNX Gelu, opset 20). */
function geluByErf(node: GraphNode, constant: AddConstant): GraphNode[] {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const { approximate } = node.attributes;
  const step = (op: string, inputs: string[], output: string): GraphNode => ({ name: `${node.name}/${output.slice(y.length + 1) || 'out'}`, op, inputs, outputs: [output], attributes: {} });
  const scalar = (value: number, label: string): string => constant(`${y}/${label}`, float(value));
  const half = scalar(0.5, 'half');
  const one = scalar(1, 'one');
  const tail = [
    step('Add', [`${y}/inner`, one], `${y}/sum`),
    step('Mul', [x, `${y}/sum`], `${y}/product`),
    step('Mul', [`${y}/product`, half], y),
  ];
  if (approximate?.kind === 'string' && approximate.value === 'tanh') {
    return [
      step('Mul', [x, x], `${y}/square`),
      step('Mul', [`${y}/square`, x], `${y}/cube`),
      step('Mul', [`${y}/cube`, scalar(0.044715, 'c')], `${y}/scaled`),
      step('Add', [x, `${y}/scaled`], `${y}/added`),
      step('Mul', [`${y}/added`, scalar(Math.sqrt(2 / Math.PI), 'k')], `${y}/argument`),
      step('Tanh', [`${y}/argument`], `${y}/inner`),
      ...tail,
    ];
  }
  return [step('Mul', [x, scalar(Math.SQRT1_2, 'r')], `${y}/argument`), step('Erf', [`${y}/argument`], `${y}/inner`), ...tail];
}
