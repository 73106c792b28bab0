/** @file Model file → topology and weights in their stored form, with a summary. */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import { preprocessingSchema, type Preprocessing } from '../contract/preprocessing.ts';
import { elementCount } from '../contract/tensors.ts';
import { writeSafetensors } from '../formats/safetensors.ts';
import { analyseBase } from '../graph/analyse/analyse-base.ts';
import { parseLayersModel, shardPaths } from '../graph/layers-model/parse-layers-model.ts';
import { MAX_FILE_BYTES } from '../graph/onnx/limits.ts';
import { parseOnnx } from '../graph/parse-onnx.ts';
import { splitWeights } from '../graph/topology.ts';
import type { BaseModel, Graph } from '../graph/types.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import { findModelFile, type ModelFile } from './find-model-file.ts';
import type { ImportRequest, ImportResult } from './protocol.ts';

export async function importModel({ path, outputFolder }: ImportRequest): Promise<ImportResult> {
  const file = await findModelFile(path);
  const graph = file.kind === 'onnx' ? parseOnnx(await readLimited(file.path)) : await readLayersModel(file);
  const base = analyseBase(graph);
  const { topology, weights } = splitWeights(graph);
  await mkdir(outputFolder, { recursive: true });
  const graphPath = join(outputFolder, 'topology.onnx');
  const weightsPath = join(outputFolder, 'weights.safetensors');
  await writeFileAtomic(weightsPath, writeSafetensors(weights, {}));
  await writeFileAtomic(graphPath, topology);
  return {
    graphPath,
    weightsPath,
    summary: summaryOf(base),
    classNames: classNamesOf(graph, base.head.classes),
    imageSize: fixedSize(graph),
    preprocessing: preprocessingOf(graph),
    suggestedName: file.suggestedName,
  };
}

async function readLimited(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > MAX_FILE_BYTES) throw new TapsError('model-unsupported', `${path} has ${String(size)} bytes; a model file holds at most 2 GB.`, 'Use a smaller model.');
  return readFile(path);
}

async function readLayersModel({ path }: ModelFile): Promise<Graph> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(await readLimited(path)));
  } catch (error) {
    if (error instanceof TapsError) throw error;
    throw new TapsError('model-malformed', `${path} is not JSON.`, 'Convert or download the model again.', { cause: error });
  }
  const shards: Uint8Array[] = [];
  for (const name of shardPaths(json)) {
    const shard = await readLimited(join(dirname(path), name)).catch((error: unknown) => {
      if (error instanceof TapsError) throw error;
      throw new TapsError('model-malformed', `The weight file ${name} of ${path} is missing.`, 'Copy all files of the model into one folder.', { cause: error });
    });
    shards.push(shard);
  }
  return parseLayersModel(json, shards);
}

function summaryOf({ graph, parameters, head }: BaseModel): ImportResult['summary'] {
  const operators: Record<string, number> = {};
  for (const { op } of graph.nodes) operators[op] = (operators[op] ?? 0) + 1;
  const learnt = parameters.filter(({ role }) => role !== 'constant');
  const count = (list: typeof parameters): number => list.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const gated = parameters.filter(({ role }) => role === 'gated').sort((a, b) => a.nodeIndex - b.nodeIndex);
  return {
    parameters: count(learnt),
    gatedLayers: gated.length,
    nodes: graph.nodes.length,
    features: head.features,
    operators,
    backboneBytes: 4 * count(learnt.filter(({ role }) => role !== 'head')),
    layers: gated.map(({ name, shape }) => ({ name, parameters: elementCount(shape) })),
  };
}

/** `names` as this program writes it, or as Ultralytics does; anything else is ignored. */
function classNamesOf(graph: Graph, classes: number): string[] {
  const text = graph.metadata['names'];
  if (text === undefined || classes === 0) return [];
  try {
    const parsed = JSON.parse(text) as Record<string, unknown>;
    const names = Array.from({ length: classes }, (_, index) => parsed[String(index)]);
    return names.every((name) => typeof name === 'string') ? names : [];
  } catch {
    return [];
  }
}

function fixedSize(graph: Graph): number | null {
  const [, , height, width] = graph.inputs[0]?.shape ?? [];
  if (typeof height !== 'number' || typeof width !== 'number') {
    const native = Number(graph.metadata['taps.native-size']);
    return Number.isInteger(native) && native > 0 ? native : null;
  }
  if (height !== width) throw new TapsError('model-unsupported', `The model takes pictures of ${String(width)} × ${String(height)} pixels.`, 'Export it for square pictures.');
  return height;
}

function preprocessingOf(graph: Graph): Preprocessing | null {
  const text = graph.metadata['taps.preprocessing'];
  if (text === undefined) return null;
  try {
    return preprocessingSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
