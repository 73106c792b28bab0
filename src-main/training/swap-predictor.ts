/** @file Inference with one compiled network and weights that change: for comparing many versions of a task. */
import type { FloatTensor } from '../contract/tensors.ts';
import type { TaskArtifact } from '../contract/training.ts';
import { effectiveWeight } from '../core/effective-weight.ts';
import { tf } from '../engine/tfjs.ts';
import type { StepSpec } from '../engine/types.ts';
import { baseValue } from '../graph/base-value.ts';
import type { BaseModel } from '../graph/types.ts';
import { runGraph } from '../operators/run-graph.ts';
import type { Predictor, PredictorOptions } from './predictor.ts';
import { entry, runHead } from './steps/network.ts';

const HEAD_WEIGHT = 'head/weight';
const HEAD_BIAS = 'head/bias';

export interface SwapPredictor extends Predictor {
  /** Further answers are those of this task. It has the classes and the input of the first. */
  load(artifact: TaskArtifact): void;
}

/** Weights are state instead of constants: slower by what a runtime gains from knowing them, and never compiled again. */
export async function createSwapPredictor({ engine, base, artifact, batchSize }: PredictorOptions): Promise<SwapPredictor> {
  const classes = artifact.classNames.length;
  const { imageSize } = artifact.preprocessing;
  // The state takes arrays over and writes into them; those of the base stay what they are.
  const own = Object.fromEntries([...weightsOf(base, artifact)].map(([name, { shape, data }]): [string, FloatTensor] => [name, { shape, data: data.slice() }]));
  const spec: StepSpec = {
    name: 'predict',
    feeds: { images: [batchSize, 3, imageSize, imageSize] },
    reads: Object.keys(own),
    writes: [],
    results: ['logits'],
    constants: {},
    layout: 'nchw',
    program: ({ feeds, state: tensors, layout }) => {
      const features = runGraph({ graph: base.graph, images: entry(feeds, 'images'), output: base.head.featureValue, layout, normalization: 'running', parameter: (name) => tensors[name] });
      return { state: {}, results: { logits: runHead(tf.reshape(features, [batchSize, -1]), entry(tensors, HEAD_WEIGHT), entry(tensors, HEAD_BIAS)) } };
    },
  };
  const state = engine.createState(own);
  const step = await engine.compile(spec, state);
  return {
    imageSize,
    classes,
    load(next) {
      for (const [name, { data }] of weightsOf(base, next)) state.write(name, data);
    },
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

function weightsOf(base: BaseModel, artifact: TaskArtifact): Map<string, FloatTensor> {
  const weights = new Map<string, FloatTensor>([[HEAD_WEIGHT, artifact.head.weight], [HEAD_BIAS, artifact.head.bias]]);
  for (const { name, role } of base.parameters) {
    if (role !== 'head' && role !== 'constant') weights.set(name, effectiveWeight(name, baseValue(base, name), artifact));
  }
  return weights;
}
