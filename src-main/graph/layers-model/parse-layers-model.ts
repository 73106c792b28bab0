/** @file TensorFlow.js LayersModel (sequential or functional Keras network of pictures) → model graph in NCHW. */
import { TapsError } from '../../contract/errors.ts';
import { canonicalise } from '../canonical/canonicalise.ts';
import { WRITTEN_OPSET } from '../onnx/encode.ts';
import type { Dimension, Graph } from '../types.ts';
import { LAYER_CONVERTERS, type Conversion } from './convert-layers.ts';
import { readWeights } from './read-weights.ts';
import { malformedModel, readTopology, type KerasLayer } from './topology-schema.ts';

export { shardPaths } from './topology-schema.ts';

/** Layer names that a LayersModel may use, for documentation and refusals. */
export const SUPPORTED_LAYERS: readonly string[] = ['InputLayer', ...Object.keys(LAYER_CONVERTERS)];

/**
 * @param json parsed model.json
 * @param shards the weight files in the manifest's order
 * @throws TapsError `model-malformed`, or `model-unsupported` naming the layer
 */
export function parseLayersModel(json: unknown, shards: readonly Uint8Array[]): Graph {
  const file = readTopology(json);
  const to: Conversion = { nodes: [], initializers: new Map(), weights: readWeights(file.manifest, shards), ranks: new Map() };
  const values = new Map<string, string>();
  let input: { name: string; shape: Dimension[] } | undefined;
  let previous = '';
  for (const layer of file.layers) {
    const { class_name: className, config } = layer;
    const declared = config['batch_input_shape'] ?? config['batchInputShape'];
    if (className === 'InputLayer' || (file.sequential && previous === '' && input === undefined)) {
      if (input !== undefined) throw new TapsError('model-unsupported', 'The model has several inputs.', 'Convert a model with one image input.');
      input = { name: className === 'InputLayer' ? config.name : 'input', shape: inputShape(declared, file.layers) };
      to.ranks.set(input.name, 4);
      previous = input.name;
      values.set(config.name, input.name);
      if (className === 'InputLayer') continue;
    }
    const convert = LAYER_CONVERTERS[className];
    if (convert === undefined) {
      throw new TapsError('model-unsupported', `The layer ${config.name} is a ${className}, which is not read here.`, `Supported layers: ${SUPPORTED_LAYERS.join(', ')}.`);
    }
    previous = convert(to, config, file.sequential ? [previous] : inbound(layer, values));
    values.set(config.name, previous);
  }
  if (input === undefined) throw malformedModel('it has no input');
  const output = outputOf(file.outputs, values, previous);
  return canonicalise({
    opset: WRITTEN_OPSET,
    name: 'layers-model',
    nodes: to.nodes,
    inputs: [{ name: input.name, dtype: 'float32', shape: input.shape }],
    outputs: [{ name: output, dtype: 'float32', shape: ['batch', 'outputs'] }],
    initializers: to.initializers,
    metadata: nativeSize(file.layers),
  });
}

/** [null, h, w, 3] → ['batch', 3, h, w]; sizes stay open where nothing below depends on them. */
function inputShape(declared: unknown, layers: readonly KerasLayer[]): Dimension[] {
  if (!Array.isArray(declared) || declared.length !== 4 || declared[3] !== 3) {
    throw new TapsError('model-unsupported', `The model's input has shape [${String(declared)}].`, 'Convert a channels_last model of colour pictures, [null, height, width, 3].');
  }
  const fixed = layers.some(({ class_name: name }) => name === 'Flatten');
  const size = (axis: 1 | 2, symbol: string): Dimension => (fixed && typeof declared[axis] === 'number' ? declared[axis] : symbol);
  return ['batch', 3, size(1, 'height'), size(2, 'width')];
}

/** The size the model was made for, kept where the graph itself leaves it open. */
function nativeSize(layers: readonly KerasLayer[]): Record<string, string> {
  const declared = layers[0]?.config['batch_input_shape'];
  const height: unknown = Array.isArray(declared) ? declared[1] : undefined;
  return typeof height === 'number' ? { 'taps.native-size': String(height) } : {};
}

/** Keras 2: [[[name, node, tensor, {}], …]]; one call per layer. */
function inbound({ config, inbound_nodes: nodes = [] }: KerasLayer, values: ReadonlyMap<string, string>): string[] {
  const [calls] = nodes;
  if (!Array.isArray(calls) || nodes.length !== 1) {
    throw new TapsError('model-unsupported', `The layer ${config.name} is used ${String(nodes.length)} times.`, 'Only networks that use each layer once are read.');
  }
  return calls.map((call: unknown) => {
    const name: unknown = Array.isArray(call) ? call[0] : undefined;
    const value = typeof name === 'string' ? values.get(name) : undefined;
    if (value === undefined) throw malformedModel(`the layer ${config.name} takes the output of ${String(name)}, which does not come before it`);
    return value;
  });
}

function outputOf(outputs: readonly unknown[], values: ReadonlyMap<string, string>, last: string): string {
  if (outputs.length === 0) return last;
  const [first] = outputs;
  const name: unknown = Array.isArray(first) ? first[0] : first;
  const value = typeof name === 'string' ? values.get(name) : undefined;
  if (outputs.length > 1 && Array.isArray(first)) throw new TapsError('model-unsupported', `The model has ${String(outputs.length)} outputs.`, 'Convert a model with one output.');
  if (value === undefined) throw malformedModel(`the output ${String(name)} is no layer`);
  return value;
}
