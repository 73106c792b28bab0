/** @file Confidence of single pictures: gradient, sparse steps, limits, checkpoints, and wrong labels that were planted. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { TapsError } from '../../src-main/contract/errors.ts';
import type { TrainJob } from '../../src-main/contract/trainer-protocol.ts';
import type { PictureTrust, TrainConfig, TrainResult } from '../../src-main/contract/training.ts';
import { crossEntropy } from '../../src-main/core/metrics.ts';
import { permutation, RandomStream } from '../../src-main/core/random.ts';
import type { PreparedIndex } from '../../src-main/data/prepared-set.ts';
import { LoopControl } from '../../src-main/trainer/control.ts';
import { runTrainJob } from '../../src-main/trainer/train-job.ts';
import { SampleConfidence } from '../../src-main/training/sample-confidence.ts';
import { makeTinyRun, type TinyRun } from '../helpers/tiny-run.ts';

describe('one step', () => {
  const CLASSES = 4;
  const logits = fc.array(fc.float({ min: -6, max: 6, noNaN: true }), { minLength: 3 * CLASSES, maxLength: 3 * CLASSES }).map((list) => Float32Array.from(list));
  const labels = fc.array(fc.integer({ min: 0, max: CLASSES - 1 }), { minLength: 3, maxLength: 3 });

  test('follows the finite difference of the mean loss in log σ', () => {
    fc.assert(
      fc.property(logits, labels, fc.integer({ min: 0, max: 3 }), (z, y, rounds) => {
        const positions = [4, 0, 2];
        const confidence = new SampleConfidence(5, 0.1);
        // Away from σ = 1 first, with other logits than those of the step that is looked at.
        for (let round = 0; round < rounds; round++) confidence.update(positions, y, z.toReversed(), CLASSES);
        const momentum = confidence.addTo(new Map()).get('confidence/momentum')?.data.slice() ?? new Float32Array();
        const before = confidence.results().map(({ sigma }) => Math.log(sigma));
        confidence.update(positions, y, z, CLASSES);
        const after = confidence.results().map(({ sigma }) => Math.log(sigma));
        positions.forEach((position, row) => {
          const loss = (s: number): number => crossEntropy(z.subarray(row * CLASSES, (row + 1) * CLASSES).map((value) => value / Math.exp(s)), y[row] ?? 0) / positions.length;
          const s = before[position] ?? 0;
          const slope = (loss(s + 1e-2) - loss(s - 1e-2)) / 2e-2;
          const expected = Math.max(-Math.log(20), Math.min(Math.log(20), s - 0.1 * (0.9 * (momentum[position] ?? 0) + slope)));
          assert.ok(Math.abs((after[position] ?? 0) - expected) < 2e-4, `${String(after[position])}, expected ${String(expected)}`);
        });
        for (const position of [1, 3]) assert.equal(after[position], 0, 'pictures outside the batch stay');
      }),
    );
  });

  test('σ stays within 1/20..20', () => {
    const confidence = new SampleConfidence(2, 100);
    for (let step = 0; step < 20; step++) confidence.update([0, 1], [0, 1], Float32Array.of(0.5, -0.5, 0.5, -0.5), 2);
    const [right, wrong] = confidence.results().map(({ sigma }) => sigma);
    assert.ok(Math.abs((right ?? 0) - 1 / 20) < 1e-6 && Math.abs((wrong ?? 0) - 20) < 1e-4, `${String(right)}, ${String(wrong)}`);
  });

  test('a checkpoint has everything, and nothing of it reaches the session', () => {
    const confidence = new SampleConfidence(3, 0.5);
    confidence.update([0, 2], [0, 1], Float32Array.of(1, 2, 3, 4), 2);
    const other = { shape: [1], data: Float32Array.of(7) };
    const copy = new SampleConfidence(3, 0.5);
    assert.deepEqual(copy.takeFrom(confidence.addTo(new Map([['scores', other]]))), new Map([['scores', other]]));
    for (const each of [confidence, copy]) each.update([2], [0], Float32Array.of(2, 1), 2);
    assert.deepEqual(copy.results(), confidence.results());
    assert.deepEqual([...confidence.inverseSigma([1], 3)], [1, 1, 1]);
  });
});

/** Area under the curve of `score` as a sign of `isPositive`: the probability that a positive one has the larger score. */
function rocAuc(items: readonly { score: number; isPositive: boolean }[]): number {
  const positive = items.filter(({ isPositive }) => isPositive);
  const negative = items.filter(({ isPositive }) => !isPositive);
  let wins = 0;
  for (const a of positive) for (const b of negative) wins += a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0;
  return wins / (positive.length * negative.length);
}

describe('runs', () => {
  let tiny: TinyRun;
  before(async () => {
    tiny = await makeTinyRun(60);
  });
  after(() => {
    tiny.remove();
  });

  const SETTINGS: Partial<TrainConfig> = { method: 'full-fine-tuning', epochs: 12, batchSize: 16, learningRate: 0.05, sampleConfidence: true, confidenceRate: 0.4, augmentation: 'none' };

  async function train(job: TrainJob, control = new LoopControl()): Promise<TrainResult> {
    const done = await runTrainJob(job, control, () => undefined);
    assert.ok(done.kind === 'done');
    return done.result;
  }

  const indexOf = ({ preparedFolder }: TrainJob): PreparedIndex => JSON.parse(readFileSync(join(preparedFolder, 'prepared.json'), 'utf8')) as PreparedIndex;

  /** Gives a fifth of the training pictures the label of another class. */
  function plantWrongLabels(job: TrainJob, seed: number): { job: TrainJob; wrong: Set<string> } {
    const index = indexOf(job);
    const train = index.images.filter(({ split }) => split === 'train');
    const stream = new RandomStream(seed, 'shuffle');
    const chosen = [...permutation(train.length, stream)].slice(0, Math.round(train.length / 5)).flatMap((position) => train[position] ?? []);
    for (const image of chosen) image.label = (image.label + 1 + stream.below(2)) % 3;
    const preparedFolder = `${job.preparedFolder}-wrong-${String(seed)}`;
    mkdirSync(preparedFolder);
    writeFileSync(join(preparedFolder, 'prepared.json'), JSON.stringify(index));
    return { job: { ...job, preparedFolder }, wrong: new Set(chosen.map((image) => image.path)) };
  }

  test('planted wrong labels have the large σ', async (t) => {
    const { job, wrong } = plantWrongLabels(tiny.job(SETTINGS, 'wrong'), 5);
    const { pictures = [] } = await train(job);
    assert.ok(wrong.size >= 20);
    const auc = (score: (picture: PictureTrust) => number): number => rocAuc(pictures.map((picture) => ({ score: score(picture), isPositive: wrong.has(picture.path) })));
    const [sigma, trainLoss, loss] = [auc((picture) => picture.sigma), auc((picture) => picture.trainLoss), auc((picture) => picture.loss)];
    t.diagnostic(`ROC-AUC of σ ${sigma.toFixed(3)}, mean training loss ${trainLoss.toFixed(3)}, final loss ${loss.toFixed(3)}; ${String(wrong.size)} of ${String(pictures.length)} labels wrong`);
    assert.ok(sigma > 0.85, `ROC-AUC ${String(sigma)}`);
  });

  test('a run that is cut goes on to the same task and the same σ; one without confidence is untouched by the option', async () => {
    const whole = tiny.job({ ...SETTINGS, epochs: 3 }, 'whole');
    const expected = await train(whole);
    const cut = tiny.job({ ...SETTINGS, epochs: 3 }, 'cut');
    const control = new LoopControl();
    let breaths = 0;
    const breathe = control.breathe.bind(control);
    control.breathe = async () => {
      if (++breaths === 10) control.cancel();
      await breathe();
    };
    await assert.rejects(train(cut, control), (error: unknown) => error instanceof TapsError && error.code === 'cancelled');
    const resumed = await train({ ...cut, resume: true });
    assert.deepEqual(resumed.pictures, expected.pictures);
    assert.deepEqual(readFileSync(join(cut.runFolder, 'task.safetensors')), readFileSync(join(whole.runFolder, 'task.safetensors')));
    assert.equal(expected.pictures?.length, indexOf(whole).images.filter(({ split }) => split === 'train').length);
    assert.ok(expected.pictures.every(({ sigma, trainLoss, loss }) => sigma >= 1 / 20 && sigma <= 20 && trainLoss > 0 && loss > 0));
    const plain = await train(tiny.job({ ...SETTINGS, epochs: 3, sampleConfidence: false }, 'plain'));
    assert.equal(plain.pictures, undefined);
  });
});
