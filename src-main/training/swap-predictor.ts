/** @file Inference with one compiled network and weights that change: for comparing many versions of a task. */
import type { FloatTensor } from '../contract/tensors.ts';
import type { TaskArtifact } from '../contract/training.ts';
import type { StepSpec } from '../engine/types.ts';
import { taskLogits, taskWeights, type Predictor, type PredictorOptions } from './predictor.ts';
import { entry } from './steps/network.ts';

export interface SwapPredictor extends Predictor {
  /** Further answers are those of this task. It has the classes and the input of the first. */
  load(artifact: TaskArtifact): void;
}

/** Weights are state instead of constants: slower by what a runtime gains from knowing them, and never compiled again. */
export async function createSwapPredictor({ engine, base, artifact, batchSize }: PredictorOptions): Promise<SwapPredictor> {
  const classes = artifact.classNames.length;
  const { imageSize } = artifact.preprocessing;
  // The state takes arrays over and writes into them; those of the base stay what they are.
  const own = Object.fromEntries([...taskWeights(base, artifact)].map(([name, { shape, data }]): [string, FloatTensor] => [name, { shape, data: data.slice() }]));
  const spec: StepSpec = {
    name: 'predict',
    feeds: { images: [batchSize, 3, imageSize, imageSize] },
    reads: Object.keys(own),
    writes: [],
    results: ['logits'],
    constants: {},
    layout: 'nchw',
    program: ({ feeds, state: tensors, layout }) => ({ state: {}, results: { logits: taskLogits(base, entry(feeds, 'images'), tensors, layout) } }),
  };
  const state = engine.createState(own);
  const step = await engine.compile(spec, state);
  return {
    imageSize,
    classes,
    load(next) {
      for (const [name, { data }] of taskWeights(base, next)) state.write(name, data);
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
