/** @file One Keras layer → ONNX nodes in NCHW. Kernels go from [kh, kw, in, out] to [out, in, kh, kw]; names stay. */
import { TapsError } from '../../contract/errors.ts';
import type { FloatTensor, HostTensor } from '../../contract/tensors.ts';
import type { AttributeValue, GraphNode } from '../types.ts';
import { malformedModel, type KerasLayer } from './topology-schema.ts';

/** Builder of the graph under conversion. */
export interface Conversion {
  nodes: GraphNode[];
  initializers: Map<string, HostTensor>;
  weights: ReadonlyMap<string, FloatTensor>;
  /** Rank of each value: 4 for activations, 2 for vectors. */
  ranks: Map<string, number>;
}

type Config = KerasLayer['config'];

const ints = (...value: number[]): AttributeValue => ({ kind: 'ints', value });
const int = (value: number): AttributeValue => ({ kind: 'int', value });
const float = (value: number): AttributeValue => ({ kind: 'float', value });

function add(to: Conversion, op: string, inputs: string[], output: string, attributes: Record<string, AttributeValue> = {}, rank?: number): string {
  to.nodes.push({ name: `${output}/${op}`, op, inputs, outputs: [output], attributes });
  to.ranks.set(output, rank ?? to.ranks.get(inputs[0] ?? '') ?? 4);
  return output;
}

function weight(to: Conversion, layer: string, part: string): FloatTensor {
  // Nested models prefix the layer's name with their own.
  const found = to.weights.get(`${layer}/${part}`) ?? [...to.weights].find(([name]) => name.endsWith(`/${layer}/${part}`))?.[1];
  if (found === undefined) throw malformedModel(`the layer ${layer} lacks its ${part}`);
  return found;
}

function initializer(to: Conversion, name: string, { shape, data }: FloatTensor): string {
  to.initializers.set(name, { dtype: 'float32', shape, data });
  return name;
}

function constant(to: Conversion, name: string, values: readonly number[]): string {
  to.initializers.set(name, { dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) });
  return name;
}

/** Axes in any order, row-major. */
function permuted({ shape, data }: FloatTensor, permutation: readonly number[]): FloatTensor {
  const target = permutation.map((axis) => shape[axis] ?? 1);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const result = new Float32Array(data.length);
  const position = new Array<number>(target.length).fill(0);
  for (let flat = 0; flat < result.length; flat++) {
    let source = 0;
    for (const [axis, at] of position.entries()) source += at * (strides[permutation[axis] ?? 0] ?? 0);
    result[flat] = data[source] ?? 0;
    for (let axis = target.length - 1; axis >= 0; axis--) {
      position[axis] = (position[axis] ?? 0) + 1;
      if ((position[axis] ?? 0) < (target[axis] ?? 1)) break;
      position[axis] = 0;
    }
  }
  return { shape: target, data: result };
}

function pair(config: Config, key: string, fallback: number): [number, number] {
  const value = config[key];
  if (typeof value === 'number') return [value, value];
  if (Array.isArray(value) && value.length === 2 && value.every((item) => typeof item === 'number')) return [value[0] ?? fallback, value[1] ?? fallback];
  return [fallback, fallback];
}

/** 'same' depends on the input's size: ONNX's SAME_UPPER is Keras's rule. */
function windowAttributes(config: Config, kernel: [number, number], strides: [number, number]): Record<string, AttributeValue> {
  if (config['data_format'] === 'channels_first') {
    throw new TapsError('model-unsupported', `The layer ${config.name} is channels_first.`, 'Convert a channels_last model.');
  }
  const attributes: Record<string, AttributeValue> = { kernel_shape: ints(...kernel), strides: ints(...strides) };
  if (config['padding'] === 'same') attributes['auto_pad'] = { kind: 'string', value: 'SAME_UPPER' };
  return attributes;
}

function activation(to: Conversion, value: string, name: unknown, output: string): string {
  switch (name) {
    case undefined:
    case null:
    case 'linear':
      return value;
    case 'relu':
      return add(to, 'Relu', [value], output);
    case 'relu6': {
      const zero = scalar(to, `${output}/min`, 0);
      const six = scalar(to, `${output}/max`, 6);
      return add(to, 'Clip', [value, zero, six], output);
    }
    case 'sigmoid':
      return add(to, 'Sigmoid', [value], output);
    case 'tanh':
      return add(to, 'Tanh', [value], output);
    case 'softmax':
      return add(to, 'Softmax', [value], output, { axis: int(to.ranks.get(value) === 4 ? 1 : -1) });
    case 'hard_sigmoid':
      return add(to, 'HardSigmoid', [value], output, { alpha: float(0.2), beta: float(0.5) });
    case 'swish':
    case 'silu':
      return add(to, 'Mul', [value, add(to, 'Sigmoid', [value], `${output}/gate`)], output);
    default:
      throw new TapsError('model-unsupported', `The activation ${String(name)} of ${output} is not supported.`, 'Supported: relu, relu6, sigmoid, hard_sigmoid, tanh, swish, softmax, linear.');
  }
}

function scalar(to: Conversion, name: string, value: number): string {
  to.initializers.set(name, { dtype: 'float32', shape: [], data: Float32Array.of(value) });
  return name;
}

function withBias(to: Conversion, config: Config): string[] {
  return config['use_bias'] === false ? [] : [initializer(to, `${config.name}/bias`, weight(to, config.name, 'bias'))];
}

type Converter = (to: Conversion, config: Config, inputs: string[]) => string;

const conv2d: Converter = (to, config, [x = '']) => {
  const { name } = config;
  const kernel = initializer(to, `${name}/kernel`, permuted(weight(to, name, 'kernel'), [3, 2, 0, 1]));
  const attributes = { ...windowAttributes(config, pair(config, 'kernel_size', 1), pair(config, 'strides', 1)), dilations: ints(...pair(config, 'dilation_rate', 1)) };
  return activation(to, add(to, 'Conv', [x, kernel, ...withBias(to, config)], `${name}/conv`, attributes, 4), config['activation'], name);
};

/** [kh, kw, in, multiplier] → [in·multiplier, 1, kh, kw], one group per input channel. */
function depthwise(to: Conversion, config: Config, x: string, part: string, output: string, bias: string[]): string {
  const source = weight(to, config.name, part);
  const [kh = 1, kw = 1, channels = 1, multiplier = 1] = source.shape;
  const turned = permuted(source, [2, 3, 0, 1]);
  const kernel = initializer(to, `${config.name}/${part}`, { shape: [channels * multiplier, 1, kh, kw], data: turned.data });
  const attributes = { ...windowAttributes(config, [kh, kw], pair(config, 'strides', 1)), dilations: ints(...pair(config, 'dilation_rate', 1)), group: int(channels) };
  return add(to, 'Conv', [x, kernel, ...bias], output, attributes, 4);
}

const dense: Converter = (to, config, [x = '']) => {
  const { name } = config;
  const kernel = initializer(to, `${name}/kernel`, weight(to, name, 'kernel'));
  return activation(to, add(to, 'Gemm', [x, kernel, ...withBias(to, config)], `${name}/gemm`, {}, 2), config['activation'], name);
};

const batchNormalization: Converter = (to, config, [x = '']) => {
  const { name } = config;
  const mean = weight(to, name, 'moving_mean');
  const ones = (value: number): FloatTensor => ({ shape: mean.shape, data: new Float32Array(mean.data.length).fill(value) });
  const gamma = initializer(to, `${name}/gamma`, config['scale'] === false ? ones(1) : weight(to, name, 'gamma'));
  const beta = initializer(to, `${name}/beta`, config['center'] === false ? ones(0) : weight(to, name, 'beta'));
  const parts = [gamma, beta, initializer(to, `${name}/moving_mean`, mean), initializer(to, `${name}/moving_variance`, weight(to, name, 'moving_variance'))];
  return add(to, 'BatchNormalization', [x, ...parts], name, { epsilon: float(numberOf(config, 'epsilon', 1e-3)), momentum: float(numberOf(config, 'momentum', 0.99)) });
};

function numberOf(config: Config, key: string, fallback: number): number {
  const value = config[key];
  return typeof value === 'number' ? value : fallback;
}

const pool = (op: string): Converter => (to, config, [x = '']) => {
  const size = pair(config, 'pool_size', 2);
  return add(to, op, [x], config.name, windowAttributes(config, size, config['strides'] === null ? size : pair(config, 'strides', size[0])));
};

const globalPool = (op: string): Converter => (to, config, [x = '']) => {
  const pooled = add(to, op, [x], config['keepdims'] === true ? config.name : `${config.name}/pooled`);
  return config['keepdims'] === true ? pooled : add(to, 'Flatten', [pooled], config.name, { axis: int(1) }, 2);
};

const zeroPadding: Converter = (to, config, [x = '']) => {
  const padding = config['padding'];
  const pairs = Array.isArray(padding) && Array.isArray(padding[0]) ? (padding as [number, number][]) : pair(config, 'padding', 1).map((side): [number, number] => [side, side]);
  const [[top, bottom] = [0, 0], [left, right] = [0, 0]] = pairs;
  return add(to, 'Pad', [x, constant(to, `${config.name}/pads`, [0, 0, top, left, 0, 0, bottom, right])], config.name);
};

const nary = (op: string): Converter => (to, config, inputs) => {
  if (op === 'Concat') return add(to, op, inputs, config.name, { axis: int(1) });
  return inputs.slice(1).reduce((sum, input, index) => add(to, op, [sum, input], index === inputs.length - 2 ? config.name : `${config.name}/${String(index)}`), inputs[0] ?? '');
};

/** Keras flattens [h, w, c]; the weights that follow expect that order. */
const flatten: Converter = (to, config, [x = '']) => {
  const source = to.ranks.get(x) === 4 ? add(to, 'Transpose', [x], `${config.name}/channels_last`, { perm: ints(0, 2, 3, 1) }) : x;
  return add(to, 'Flatten', [source], config.name, { axis: int(1) }, 2);
};

/** Only to [1, 1, C], as squeeze-and-excitation blocks do: axis order cannot matter there. */
const reshape: Converter = (to, config, [x = '']) => {
  const shape = config['target_shape'];
  if (!Array.isArray(shape) || shape.length !== 3 || shape[0] !== 1 || shape[1] !== 1) {
    throw new TapsError('model-unsupported', `The layer ${config.name} reshapes to [${String(shape)}].`, 'Only reshapes to [1, 1, C] are read.');
  }
  return add(to, 'Reshape', [x, constant(to, `${config.name}/shape`, [0, -1, 1, 1])], config.name, {}, 4);
};

export const LAYER_CONVERTERS: Readonly<Record<string, Converter>> = {
  Conv2D: conv2d,
  DepthwiseConv2D: (to, config, [x = '']) =>
    activation(to, depthwise(to, config, x, 'depthwise_kernel', `${config.name}/conv`, withBias(to, config)), config['activation'], config.name),
  SeparableConv2D: (to, config, [x = '']) => {
    const wide = depthwise(to, config, x, 'depthwise_kernel', `${config.name}/depthwise`, []);
    const kernel = initializer(to, `${config.name}/pointwise_kernel`, permuted(weight(to, config.name, 'pointwise_kernel'), [3, 2, 0, 1]));
    const y = add(to, 'Conv', [wide, kernel, ...withBias(to, config)], `${config.name}/conv`, { kernel_shape: ints(1, 1) }, 4);
    return activation(to, y, config['activation'], config.name);
  },
  Dense: dense,
  BatchNormalization: batchNormalization,
  Activation: (to, config, [x = '']) => activation(to, x, config['activation'], config.name),
  ReLU: (to, config, [x = '']) => activation(to, x, config['max_value'] === 6 ? 'relu6' : 'relu', config.name),
  LeakyReLU: (to, config, [x = '']) => add(to, 'LeakyRelu', [x], config.name, { alpha: float(numberOf(config, 'alpha', 0.3)) }),
  Softmax: (to, config, [x = '']) => activation(to, x, 'softmax', config.name),
  MaxPooling2D: pool('MaxPool'),
  AveragePooling2D: pool('AveragePool'),
  GlobalAveragePooling2D: globalPool('GlobalAveragePool'),
  GlobalMaxPooling2D: globalPool('GlobalMaxPool'),
  ZeroPadding2D: zeroPadding,
  Add: nary('Add'),
  Multiply: nary('Mul'),
  Concatenate: nary('Concat'),
  Flatten: flatten,
  Reshape: reshape,
  Dropout: (_to, _config, [x = '']) => x,
};
