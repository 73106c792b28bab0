/** @file Every method through the one loop: learns, resumes to the same bytes, predicts the same in another process, exports with parity. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as ort from 'onnxruntime-node';
import { TapsError } from '../../src-main/contract/errors.ts';
import type { TrainJob } from '../../src-main/contract/trainer-protocol.ts';
import { METHODS, type MethodId, type TaskArtifact, type TrainConfig, type TrainResult } from '../../src-main/contract/training.ts';
import { loadBase } from '../../src-main/bases/load-base.ts';
import { openPreparedSet } from '../../src-main/data/prepared-set.ts';
import { decodeTaskFile } from '../../src-main/formats/task-file.ts';
import { applyArtifact, LOGITS } from '../../src-main/graph/merge/apply-artifact.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';
import { TrainerClient } from '../../src-main/supervisor/trainer-client.ts';
import { LoopControl } from '../../src-main/trainer/control.ts';
import { runPredictJob } from '../../src-main/trainer/predict-job.ts';
import { runTrainJob } from '../../src-main/trainer/train-job.ts';
import { makeTinyRun, type TinyRun } from '../helpers/tiny-run.ts';

let tiny: TinyRun;
before(async () => {
  tiny = await makeTinyRun();
});
after(() => {
  tiny.remove();
});

/** Enough to see each of them learn; masks move by steps of their own. */
const SETTINGS: Record<MethodId, Partial<TrainConfig>> = {
  taps: { lambda: 0.02 },
  'full-fine-tuning': {},
  'linear-probe': { learningRate: 0.1 },
  'norm-head': { learningRate: 0.05 },
  'bias-head': { learningRate: 0.05 },
  'fixed-layers': { pattern: 'random', patternShare: 0.6 },
  'low-rank': { rank: 4, rankAlpha: 8 },
  modulator: {},
  piggyback: { weightDecay: 0.001 },
};

const jobOf = (method: MethodId, runName: string, more: Partial<TrainConfig> = {}): TrainJob => tiny.job({ method, epochs: 12, ...SETTINGS[method], ...more }, runName);
const fileOf = (job: TrainJob): string => join(job.runFolder, 'task.safetensors');

async function train(job: TrainJob): Promise<TrainResult> {
  const done = await runTrainJob(job, new LoopControl(), () => undefined);
  assert.ok(done.kind === 'done');
  return done.result;
}

async function cancelAt(job: TrainJob, steps: number): Promise<void> {
  const control = new LoopControl();
  let breaths = 0;
  const breathe = control.breathe.bind(control);
  control.breathe = async () => {
    if (++breaths === steps) control.cancel();
    await breathe();
  };
  await assert.rejects(runTrainJob(job, control, () => undefined), (error: unknown) => error instanceof TapsError && error.code === 'cancelled');
}

/** What is stored of layers, by kind. */
function storedKinds({ deltas, replaced, transforms, layers }: TaskArtifact): string[] {
  return [...new Set(layers.filter(({ open }) => open).map(({ name }) => (deltas.has(name) ? 'delta' : replaced.has(name) ? 'value' : (transforms.get(name)?.kind ?? 'nothing'))))];
}

const KINDS: Record<MethodId, string[]> = {
  taps: ['delta'],
  'full-fine-tuning': ['value'],
  'linear-probe': [],
  'norm-head': [],
  'bias-head': [],
  'fixed-layers': ['delta'],
  'low-rank': ['low-rank'],
  modulator: ['modulator'],
  piggyback: ['mask'],
};

for (const method of METHODS) {
  describe(method, () => {
    test('learns, stores its kind of change, predicts the same in another process, exports with parity', async () => {
      const job = jobOf(method, `${method}-whole`);
      const { epochs } = await train(job);
      const [first, last] = [epochs[0], epochs.at(-1)];
      assert.ok(first !== undefined && last !== undefined && last.trainLoss < 0.8 * first.trainLoss, `training loss ${String(first?.trainLoss)} → ${String(last?.trainLoss)}`);

      const artifact = decodeTaskFile(readFileSync(fileOf(job)));
      assert.equal(artifact.method, method);
      assert.deepEqual(storedKinds(artifact), KINDS[method]);
      // The epoch's size is the file's, but for the header.
      const bytes = epochs.find(({ epoch }) => epoch === last.epoch)?.openBytes ?? 0;
      if (method !== 'taps') assert.ok(statSync(fileOf(job)).size - bytes > 0 && statSync(fileOf(job)).size - bytes < 6000, `${String(statSync(fileOf(job)).size)} bytes on disk, ${String(bytes)} announced`);

      const data = openPreparedSet(job.preparedFolder);
      const indices = [...data.indicesOf('test'), ...data.indicesOf('validation')];
      const predictJob = { base: job.base, artifactPath: fileOf(job), preparedFolder: job.preparedFolder, indices, engine: 'onnxruntime', threads: 1 } as const;
      const here = await runPredictJob(predictJob);
      assert.ok(here.kind === 'predicted');
      const client = new TrainerClient();
      const there = await client.predict(predictJob);
      await client.stop();
      assert.deepEqual(there.logits, here.logits, 'bit for bit');

      const merged = await ort.InferenceSession.create(serializeOnnx(applyArtifact(await loadBase(job.base), artifact)));
      const { imageSize } = artifact.preprocessing;
      const images = new Float32Array(indices.length * 3 * imageSize ** 2);
      indices.forEach((index, slot) => { data.evaluationInput(index, images, slot * 3 * imageSize ** 2, artifact.preprocessing); });
      const outputs = await merged.run({ [merged.inputNames[0] ?? '']: new ort.Tensor('float32', images, [indices.length, 3, imageSize, imageSize]) });
      const logits = outputs[LOGITS]?.data;
      assert.ok(logits instanceof Float32Array && logits.length === here.logits.length);
      const largest = Math.max(...logits.map((value, index) => Math.abs(value - (here.logits[index] ?? Number.NaN))));
      assert.ok(largest <= 1e-4, `logits of the merged model differ by ${String(largest)}`);
      await merged.release();
    });

    test('goes on from any cut to the same bytes, also with accumulation and AdamW', async () => {
      const variants: Partial<TrainConfig>[] = [{ epochs: 2 }, { epochs: 2, accumulate: 2, optimizer: 'adamw', learningRate: 0.005 }];
      for (const [number, variant] of variants.entries()) {
        const whole = jobOf(method, `${method}-${String(number)}-uncut`, variant);
        await train(whole);
        for (const cut of [1, 3]) {
          const job = jobOf(method, `${method}-${String(number)}-cut-${String(cut)}`, variant);
          await cancelAt(job, cut);
          await train({ ...job, resume: true });
          assert.deepEqual(readFileSync(fileOf(job)), readFileSync(fileOf(whole)), `cut at ${String(cut)}`);
        }
      }
    });
  });
}

test('settings that do not fit the base end the run before its first step, with the reason', async () => {
  const events: string[] = [];
  const run = runTrainJob(jobOf('low-rank', 'too-large', { rank: 100 }), new LoopControl(), ({ kind }) => events.push(kind));
  await assert.rejects(run, (error: unknown) => error instanceof TapsError && error.code === 'invalid-config' && /rank 100/.test(error.message));
  assert.ok(!events.includes('epoch') && !events.includes('progress'));
});
