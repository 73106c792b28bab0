/** @file The parts of a TensorFlow.js LayersModel (Keras 2 topology) that are read. */
import { z } from 'zod';
import { TapsError } from '../../contract/errors.ts';

const layerSchema = z.object({
  class_name: z.string(),
  config: z.looseObject({ name: z.string() }),
  inbound_nodes: z.array(z.unknown()).optional(),
});
export type KerasLayer = z.infer<typeof layerSchema>;

const modelSchema = z.object({
  class_name: z.enum(['Sequential', 'Model', 'Functional']),
  config: z.union([
    z.array(layerSchema),
    z.looseObject({ layers: z.array(layerSchema), input_layers: z.array(z.unknown()).optional(), output_layers: z.array(z.unknown()).optional() }),
  ]),
});

const weightSchema = z.object({
  name: z.string(),
  shape: z.array(z.number().int().nonnegative()).max(8),
  dtype: z.enum(['float32', 'int32', 'bool', 'uint8', 'uint16', 'float16', 'string', 'complex64']),
  quantization: z.object({ dtype: z.enum(['uint8', 'uint16', 'float16']), scale: z.number().optional(), min: z.number().optional() }).optional(),
});
export type WeightSpec = z.infer<typeof weightSchema>;

const fileSchema = z.object({
  modelTopology: z.looseObject({}),
  weightsManifest: z.array(z.object({ paths: z.array(z.string()).max(10_000), weights: z.array(weightSchema).max(100_000) })).max(10_000),
});

export interface LayersModelFile {
  layers: KerasLayer[];
  sequential: boolean;
  outputs: unknown[];
  manifest: z.infer<typeof fileSchema>['weightsManifest'];
}

/** @throws TapsError model-malformed, or model-unsupported for graph models */
export function readTopology(json: unknown): LayersModelFile {
  const file = fileSchema.safeParse(json);
  if (!file.success) throw malformedModel(z.prettifyError(file.error));
  if ((json as { format?: unknown }).format === 'graph-model') {
    throw new TapsError('model-unsupported', 'This is a TensorFlow.js graph model.', 'Convert the Keras model itself: tensorflowjs_converter --input_format keras --output_format tfjs_layers_model.');
  }
  const { modelTopology, weightsManifest } = file.data;
  const model = modelSchema.safeParse(modelTopology['model_config'] ?? modelTopology);
  if (!model.success) throw malformedModel(z.prettifyError(model.error));
  const { class_name: className, config } = model.data;
  const layers = Array.isArray(config) ? config : config.layers;
  const outputs = Array.isArray(config) ? [] : (config.output_layers ?? []);
  return { layers, sequential: className === 'Sequential', outputs, manifest: weightsManifest };
}

export function malformedModel(what: string): TapsError {
  return new TapsError('model-malformed', `The LayersModel is damaged: ${what}.`, 'Convert or download the model again.');
}

/** Shard names, in order. A name that leaves the model's folder is refused. */
export function shardPaths(json: unknown): string[] {
  const paths = readTopology(json).manifest.flatMap((group) => group.paths);
  const unsafe = paths.find((path) => path.includes('..') || path.includes('\\') || path.includes(':') || path.startsWith('/'));
  if (unsafe !== undefined) throw malformedModel(`the weight file ${unsafe} lies outside the model's folder`);
  return paths;
}
