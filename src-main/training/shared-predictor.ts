/** @file Inference with several tasks of one base at once: a picture passes what they have in common once. */
import type { Sharing } from '../contract/sharing.ts';
import type { Engine, StepSpec } from '../engine/types.ts';
import type { NamedArtifact } from '../graph/merge/combine-tasks.ts';
import type { BaseModel } from '../graph/types.ts';
import { shareNetwork, sharedLogits, sharingOf } from '../operators/shared-network.ts';
import { entry } from './steps/network.ts';

export interface SharedPredictorOptions {
  engine: Engine;
  base: BaseModel;
  /** Wanting their pictures prepared alike. */
  tasks: readonly NamedArtifact[];
  /** Fixed batch; fill the rest with zeros. */
  batchSize: number;
  /**
   * `constants`: the engine prepares the weights, which takes a while and memory, and is then faster for every picture.
   * `fed`: ready at once; for few pictures. See [Note: Few pictures].
   */
  weights: 'constants' | 'fed';
}

export interface SharedPredictor {
  readonly imageSize: number;
  /** Of every task, in their order. */
  readonly classes: readonly number[];
  readonly sharing: Sharing;
  /** [batchSize, 3, S, S] → row-major logits [batchSize, classes] of every task, in their order. */
  logits(images: Float32Array): Promise<Float32Array[]>;
  dispose(): void;
}

/** @throws TapsError `invalid-config` for no tasks, one named twice, or different image sizes; `base-mismatch` */
export async function createSharedPredictor({ engine, base, tasks, batchSize, weights: how }: SharedPredictorOptions): Promise<SharedPredictor> {
  const network = shareNetwork(base, tasks);
  const imageSize = tasks[0]?.artifact.preprocessing.imageSize ?? 0;
  const results = tasks.map((_task, index) => `logits:${String(index)}`);
  const weights = Object.fromEntries(network.weights);
  const fed = how === 'fed';
  const spec: StepSpec = {
    name: 'predict-shared',
    feeds: { images: [batchSize, 3, imageSize, imageSize] },
    reads: fed ? Object.keys(weights) : [],
    writes: [],
    results,
    constants: fed ? {} : weights,
    layout: 'nchw',
    program: ({ feeds, constants, state: tensors, layout }) => {
      const logits = sharedLogits(network.graph, entry(feeds, 'images'), fed ? tensors : constants, layout);
      return { state: {}, results: Object.fromEntries(logits.map((tensor, index) => [`logits:${String(index)}`, tensor])) };
    },
  };
  const state = engine.createState(fed ? weights : {});
  const step = await engine.compile(spec, state);
  return {
    imageSize,
    classes: tasks.map(({ artifact }) => artifact.classNames.length),
    sharing: sharingOf(network, tasks.map(({ name }) => name), imageSize),
    async logits(images) {
      const answers = await step.run({ images });
      return results.map((name) => {
        const logits = answers[name];
        if (logits === undefined) throw new Error('The prediction step returned nothing.');
        return logits;
      });
    },
    dispose() {
      step.dispose();
      state.dispose();
    },
  };
}
