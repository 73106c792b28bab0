/** @file Inference with a stored task on an engine, from base and delta (nothing folded): the library's own answer. */
import type { FloatTensor } from '../contract/tensors.ts';
import type { TaskArtifact } from '../contract/training.ts';
import { effectiveWeight } from '../core/effective-weight.ts';
import { tf } from '../engine/tfjs.ts';
import type { Engine, StepSpec } from '../engine/types.ts';
import { baseValue } from '../graph/base-value.ts';
import type { BaseModel } from '../graph/types.ts';
import { runGraph } from '../operators/run-graph.ts';
import { runHead } from './steps/network.ts';

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

export async function createPredictor({ engine, base, artifact, batchSize }: PredictorOptions): Promise<Predictor> {
  const classes = artifact.classNames.length;
  const { imageSize } = artifact.preprocessing;
  const constants: Record<string, FloatTensor> = { 'head/weight': artifact.head.weight, 'head/bias': artifact.head.bias };
  for (const { name, role } of base.parameters) {
    if (role !== 'head' && role !== 'constant') constants[name] = effectiveWeight(name, baseValue(base, name), artifact);
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
