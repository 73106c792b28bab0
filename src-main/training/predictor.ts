/** @file Inference with a stored task on an engine, from base and delta (nothing folded): the library's own answer. */
import type { FloatTensor } from '../contract/tensors.ts';
import type { TaskArtifact } from '../contract/training.ts';
import { effectiveWeight } from '../core/effective-weight.ts';
import { tf, type Tensor } from '../engine/tfjs.ts';
import type { ActivationLayout, Engine, NamedTensors, StepSpec } from '../engine/types.ts';
import { baseValue } from '../graph/base-value.ts';
import type { BaseModel } from '../graph/types.ts';
import { runGraph } from '../operators/run-graph.ts';
import { entry, runHead } from './steps/network.ts';
import { HEAD_BIAS, HEAD_WEIGHT } from './steps/plan.ts';

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

/** Every weight that a task's network computes with, head first, by name. */
export function taskWeights(base: BaseModel, artifact: TaskArtifact): Map<string, FloatTensor> {
  const weights = new Map<string, FloatTensor>([[HEAD_WEIGHT, artifact.head.weight], [HEAD_BIAS, artifact.head.bias]]);
  for (const { name, role } of base.parameters) {
    if (role !== 'head' && role !== 'constant') weights.set(name, effectiveWeight(name, baseValue(base, name), artifact));
  }
  return weights;
}

/** [N, 3, H, W] → logits [N, classes] with the running statistics. @param weights as `taskWeights` names them */
export function taskLogits(base: BaseModel, images: Tensor, weights: NamedTensors, layout: ActivationLayout): Tensor {
  const [batch = 1] = images.shape;
  const features = runGraph({ graph: base.graph, images, output: base.head.featureValue, layout, normalization: 'running', parameter: (name) => weights[name] });
  return runHead(tf.reshape(features, [batch, -1]), entry(weights, HEAD_WEIGHT), entry(weights, HEAD_BIAS));
}

export async function createPredictor({ engine, base, artifact, batchSize }: PredictorOptions): Promise<Predictor> {
  const classes = artifact.classNames.length;
  const { imageSize } = artifact.preprocessing;
  const spec: StepSpec = {
    name: 'predict',
    feeds: { images: [batchSize, 3, imageSize, imageSize] },
    reads: [],
    writes: [],
    results: ['logits'],
    constants: Object.fromEntries(taskWeights(base, artifact)),
    layout: 'nchw',
    program: ({ feeds, constants, layout }) => ({ state: {}, results: { logits: taskLogits(base, entry(feeds, 'images'), constants, layout) } }),
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
