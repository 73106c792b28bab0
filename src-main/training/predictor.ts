/** @file Inference with a stored task on an engine, from base and delta (nothing folded): the library's own answer. */
import { TapsError } from '../contract/errors.ts';
import type { FloatTensor } from '../contract/tensors.ts';
import type { TaskArtifact } from '../contract/training.ts';
import { tf } from '../engine/tfjs.ts';
import type { Engine, StepSpec } from '../engine/types.ts';
import type { BaseModel } from '../graph/types.ts';
import { runGraph } from '../operators/run-graph.ts';
import { runHead } from './steps/network.ts';
import { baseValue } from './steps/plan.ts';

export interface PredictorOptions {
  engine: Engine;
  base: BaseModel;
  artifact: TaskArtifact;
  /** Fixed batch; fill the rest with zeros. */
  batchSize: number;
}

export interface Predictor {
  readonly imageSize: number;
  readonly classes: number;
  /** [batchSize, 3, S, S] → row-major logits [batchSize, classes]. */
  logits(images: Float32Array): Promise<Float32Array>;
  dispose(): void;
}

/** w = replaced, or float32(w̄ + δ), or w̄ (see TaskArtifact). */
export function effectiveWeight(base: BaseModel, artifact: TaskArtifact, name: string): FloatTensor {
  const replaced = artifact.replaced.get(name);
  if (replaced !== undefined) return replaced;
  const own = baseValue(base, name);
  const delta = artifact.deltas.get(name);
  if (delta === undefined) return own;
  if (delta.data.length !== own.data.length) {
    throw new TapsError('base-mismatch', `The delta of ${name} has ${String(delta.data.length)} numbers, the base ${String(own.data.length)}.`, 'Use the base that the task was learnt on.');
  }
  return { shape: own.shape, data: own.data.map((value, index) => value + (delta.data[index] ?? 0)) };
}

export async function createPredictor({ engine, base, artifact, batchSize }: PredictorOptions): Promise<Predictor> {
  const classes = artifact.classNames.length;
  const { imageSize } = artifact.preprocessing;
  const constants: Record<string, FloatTensor> = { 'head/weight': artifact.head.weight, 'head/bias': artifact.head.bias };
  for (const { name, role } of base.parameters) {
    if (role !== 'head' && role !== 'constant') constants[name] = effectiveWeight(base, artifact, name);
  }
  const spec: StepSpec = {
    name: 'predict',
    feeds: { images: [batchSize, 3, imageSize, imageSize] },
    reads: [],
    writes: [],
    results: ['logits'],
    constants,
    layout: 'nchw',
    program: ({ feeds, constants: tensors, layout }) => {
      const { images } = feeds;
      const { 'head/weight': weight, 'head/bias': bias } = tensors;
      if (images === undefined || weight === undefined || bias === undefined) throw new Error('unreachable');
      const features = runGraph({ graph: base.graph, images, output: base.head.featureValue, layout, normalization: 'running', parameter: (name) => tensors[name] });
      return { state: {}, results: { logits: runHead(tf.reshape(features, [batchSize, -1]), weight, bias) } };
    },
  };
  const state = engine.createState({});
  const step = await engine.compile(spec, state);
  return {
    imageSize,
    classes,
    async logits(images) {
      const { logits } = await step.run({ images });
      if (logits === undefined) throw new Error('The prediction step returned nothing.');
      return logits;
    },
    dispose() {
      step.dispose();
      state.dispose();
    },
  };
}
