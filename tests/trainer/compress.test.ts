/** @file Making a learnt task smaller, for real and in miniature: bytes, accuracy, nothing lost at tolerance 0, cancelling, every method. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as ort from 'onnxruntime-node';
import { loadBase } from '../../src-main/bases/load-base.ts';
import { DEFAULT_TOLERANCE, ENCODINGS, type CompressionReport, type CompressJob } from '../../src-main/contract/compression.ts';
import { TapsError } from '../../src-main/contract/errors.ts';
import type { TrainJob } from '../../src-main/contract/trainer-protocol.ts';
import { METHODS, type MethodId, type TrainConfig } from '../../src-main/contract/training.ts';
import { effectiveWeight } from '../../src-main/core/effective-weight.ts';
import { openPreparedSet } from '../../src-main/data/prepared-set.ts';
import { decodeTaskFile, encodeTaskFile, storedForms } from '../../src-main/formats/task-file.ts';
import { baseValue } from '../../src-main/graph/base-value.ts';
import { applyArtifact, LOGITS } from '../../src-main/graph/merge/apply-artifact.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';
import { TrainerClient } from '../../src-main/supervisor/trainer-client.ts';
import { runCompressJob } from '../../src-main/trainer/compress/compress-job.ts';
import { SMALL_PART } from '../../src-main/trainer/compress/parts.ts';
import { DIVERGENCE_PER_POINT } from '../../src-main/trainer/compress/search.ts';
import { LoopControl } from '../../src-main/trainer/control.ts';
import { runPredictJob } from '../../src-main/trainer/predict-job.ts';
import { runTallJob } from '../../src-main/trainer/tall-job.ts';
import { runTrainJob } from '../../src-main/trainer/train-job.ts';
import { makeTinyRun, type TinyRun } from '../helpers/tiny-run.ts';

let tiny: TinyRun;
before(async () => {
  tiny = await makeTinyRun();
});
after(() => {
  tiny.remove();
});

const learnt = new Map<string, Promise<TrainJob>>();

/** The finished run of a method; learnt once. */
function learn(method: MethodId, more: Partial<TrainConfig> = {}): Promise<TrainJob> {
  const name = `${method}-${JSON.stringify(more)}`;
  const known = learnt.get(name);
  if (known !== undefined) return known;
  const job = tiny.job({ method, epochs: 8, lambda: 0.02, rank: 4, ...more }, `run-${String(learnt.size)}`);
  const made = runTrainJob(job, new LoopControl(), () => undefined).then(() => job);
  learnt.set(name, made);
  return made;
}

const fileOf = (job: TrainJob): string => join(job.runFolder, 'task.safetensors');

function jobOf(run: TrainJob, overrides: Partial<CompressJob> = {}): CompressJob {
  return { base: run.base, artifactPath: fileOf(run), outputPath: join(run.runFolder, 'smaller.safetensors'), preparedFolder: run.preparedFolder, encoding: 'auto', tolerance: DEFAULT_TOLERANCE, engine: 'onnxruntime', threads: 1, ...overrides };
}

async function compress(job: CompressJob): Promise<CompressionReport> {
  const done = await runCompressJob(job, new LoopControl(), () => undefined);
  assert.ok(done.kind === 'compressed');
  return done.report;
}

describe('auto', () => {
  for (const method of ['taps', 'full-fine-tuning', 'low-rank', 'modulator', 'piggyback', 'linear-probe'] as const) {
    test(`${method}: fewer bytes within the tolerance; its figures are those of the file`, async () => {
      const run = await learn(method);
      const job = jobOf(run);
      const report = await compress(job);
      const bytes = readFileSync(job.outputPath);
      assert.equal(report.bytesAfter, bytes.length);
      assert.equal(report.bytesBefore, readFileSync(fileOf(run)).length);
      const most = method === 'linear-probe' ? 1.15 : method === 'piggyback' ? 0.8 : 0.5;
      assert.ok(report.bytesAfter < most * report.bytesBefore, `${String(report.bytesBefore)} → ${String(report.bytesAfter)}`);
      assert.ok(report.validationAfter.accuracy >= report.validationBefore.accuracy - DEFAULT_TOLERANCE / 100);
      assert.ok(report.divergence <= DIVERGENCE_PER_POINT * DEFAULT_TOLERANCE && report.divergence >= 0);
      const data = openPreparedSet(job.preparedFolder);
      for (const [split, expected] of [['validation', report.validationAfter], ['test', report.test]] as const) {
        const predicted = await runPredictJob({ base: job.base, artifactPath: job.outputPath, preparedFolder: job.preparedFolder, indices: data.indicesOf(split), engine: 'onnxruntime', threads: 1 });
        assert.ok(predicted.kind === 'predicted');
        assert.equal(predicted.evaluation?.accuracy, expected.accuracy, split);
      }
      assert.ok(storedForms(bytes) !== null && report.parts.length > 0);
    });
  }

  test('the same input gives the same bytes', async () => {
    const run = await learn('full-fine-tuning');
    const [first, second] = [jobOf(run), jobOf(run, { outputPath: join(run.runFolder, 'again.safetensors') })];
    await compress(first);
    await compress(second);
    assert.deepEqual(readFileSync(second.outputPath), readFileSync(first.outputPath));
  });

  test('tolerance 0: the network computes with the very same weights, and the file is still smaller', async () => {
    for (const method of ['taps', 'full-fine-tuning'] as const) {
      const run = await learn(method);
      const job = jobOf(run, { tolerance: 0 });
      const report = await compress(job);
      assert.deepEqual(decodeTaskFile(readFileSync(job.outputPath)), decodeTaskFile(readFileSync(fileOf(run))));
      assert.deepEqual([report.divergence, report.validationAfter], [0, report.validationBefore]);
      assert.ok(report.bytesAfter < report.bytesBefore);
    }
  });

  test('a larger tolerance allows larger divergences and takes no more bytes', async () => {
    const run = await learn('full-fine-tuning');
    const sizes: number[] = [];
    for (const tolerance of [0.05, 0.5, 5]) sizes.push((await compress(jobOf(run, { tolerance }))).bytesAfter);
    assert.deepEqual(sizes, sizes.toSorted((a, b) => b - a), sizes.join());
    assert.ok((sizes[0] ?? 0) > (sizes[2] ?? 0));
  });

  test('a size that is asked for is held and nearly used, whatever the tolerance; its figures are those of the file', async () => {
    const run = await learn('full-fine-tuning');
    const { bytesAfter } = await compress(jobOf(run, { tolerance: 0.001 }));
    const mostBytes = Math.floor(0.8 * bytesAfter);
    const job = jobOf(run, { tolerance: 0.001, mostBytes, outputPath: join(run.runFolder, 'fitting.safetensors') });
    const report = await compress(job);
    assert.ok(report.bytesAfter <= mostBytes && report.bytesAfter > 0.8 * mostBytes, `${String(report.bytesAfter)} of ${String(mostBytes)}`);
    assert.deepEqual([report.mostBytes, report.bytesAfter], [mostBytes, readFileSync(job.outputPath).length]);
    const predicted = await runPredictJob({ base: job.base, artifactPath: job.outputPath, preparedFolder: job.preparedFolder, indices: openPreparedSet(job.preparedFolder).indicesOf('validation'), engine: 'onnxruntime', threads: 1 });
    assert.ok(predicted.kind === 'predicted');
    assert.equal(predicted.evaluation?.accuracy, report.validationAfter.accuracy);
  });

  test('a size that has room for everything loses nothing; one that no form holds gives the smallest file there is', async () => {
    const run = await learn('full-fine-tuning');
    const plain = await compress(jobOf(run));
    const roomy = await compress(jobOf(run, { mostBytes: plain.bytesBefore, outputPath: join(run.runFolder, 'roomy.safetensors') }));
    assert.deepEqual([roomy.divergence, roomy.validationAfter, roomy.divergenceLimit], [0, roomy.validationBefore, null]);
    const report = await compress(jobOf(run, { mostBytes: 10, outputPath: join(run.runFolder, 'tiny.safetensors') }));
    assert.ok(report.bytesAfter > 10 && report.bytesAfter < plain.bytesAfter);
  });

  test('no form is taken in which a variance would not be above 0, however small the file shall be', async () => {
    const run = await learn('full-fine-tuning');
    const base = await loadBase(run.base);
    const artifact = decodeTaskFile(readFileSync(fileOf(run)));
    const name = base.graph.nodes.flatMap(({ op, inputs }) => (op === 'BatchNormalization' ? (inputs[4] ?? []) : [])).find((candidate) => artifact.replaced.has(candidate)) ?? '';
    const own = baseValue(base, name).data;
    // With 127 steps to the largest difference, one of −0.6 steps is rounded to −1, below where the base's own 0.65 steps can bear it.
    const step = (own[1] ?? 0) / 0.65;
    const data = own.map((value, channel) => (channel === 0 ? value + 127 * step : channel === 1 ? 0.05 * step : value));
    const artifactPath = join(run.runFolder, 'narrow.safetensors');
    writeFileSync(artifactPath, encodeTaskFile({ ...artifact, replaced: new Map([...artifact.replaced, [name, { shape: [own.length], data }]]) }));
    const job = jobOf(run, { artifactPath, mostBytes: 10, outputPath: join(run.runFolder, 'narrow-small.safetensors') });
    const report = await compress(job);
    assert.ok(Number.isFinite(report.validationAfter.loss) && Number.isFinite(report.divergence));
    assert.equal(report.parts.find(({ part }) => part === SMALL_PART)?.form, 'float16');
    const stored = decodeTaskFile(readFileSync(job.outputPath)).deltas.get(name)?.data;
    assert.ok(stored?.every((difference, channel) => difference + (own[channel] ?? 0) > 0));
  });

  test('a smaller form can be made smaller again', async () => {
    const run = await learn('full-fine-tuning');
    const first = jobOf(run, { encoding: 'float16', outputPath: join(run.runFolder, 'half.safetensors') });
    await compress(first);
    const again = await compress(jobOf(run, { artifactPath: first.outputPath, outputPath: join(run.runFolder, 'half-again.safetensors') }));
    assert.ok(again.bytesAfter < again.bytesBefore);
  });
});

describe('a form that a person names', () => {
  test('every form can be made of every method, is read back and evaluated; sizes fall with the bits', async () => {
    for (const method of METHODS) {
      const run = await learn(method);
      for (const encoding of ENCODINGS) {
        if (encoding === 'auto' || (encoding !== 'float16' && method !== 'full-fine-tuning' && method !== 'taps' && method !== 'low-rank')) continue;
        const report = await compress(jobOf(run, { encoding }));
        assert.ok(report.divergenceLimit === null && Number.isFinite(report.divergence), `${method} ${encoding}`);
      }
    }
    const full = await learn('full-fine-tuning');
    const sizes: number[] = [];
    for (const encoding of ['float32', 'float16', 'int8', 'int4', 'int3', 'quinary', 'ternary', 'sign'] as const) sizes.push((await compress(jobOf(full, { encoding }))).bytesAfter);
    assert.deepEqual(sizes, sizes.toSorted((a, b) => b - a), sizes.join());
  });

  test('full fine-tuning as differences: read without the base, exported with parity', async () => {
    const run = await learn('full-fine-tuning');
    const job = jobOf(run, { encoding: 'float16' });
    await compress(job);
    const [original, smaller] = [decodeTaskFile(readFileSync(fileOf(run))), decodeTaskFile(readFileSync(job.outputPath))];
    assert.ok(smaller.layers.every(({ name }) => smaller.deltas.has(name)) && [...smaller.replaced.values()].every(({ data }) => data.length === 1));
    const base = await loadBase(job.base);
    for (const { name } of base.parameters.filter(({ role }) => role === 'gated' || role === 'norm-affine' || role === 'norm-statistic')) {
      const own = baseValue(base, name);
      const [exact, near] = [effectiveWeight(name, own, original).data, effectiveWeight(name, own, smaller).data];
      const largest = exact.reduce((most, value, index) => Math.max(most, Math.abs(value - (own.data[index] ?? 0))), 0);
      exact.forEach((value, index) => { assert.ok(Math.abs(value - (near[index] ?? 0)) <= largest * 2 ** -11 + Math.abs(value) * 2 ** -23, name); });
    }
    const data = openPreparedSet(job.preparedFolder);
    const indices = data.indicesOf('test');
    const own = await runPredictJob({ base: job.base, artifactPath: job.outputPath, preparedFolder: job.preparedFolder, indices, engine: 'onnxruntime', threads: 1 });
    assert.ok(own.kind === 'predicted');
    const merged = await ort.InferenceSession.create(serializeOnnx(applyArtifact(base, smaller)));
    const { imageSize } = smaller.preprocessing;
    const images = new Float32Array(indices.length * 3 * imageSize ** 2);
    indices.forEach((index, slot) => { data.evaluationInput(index, images, slot * 3 * imageSize ** 2, smaller.preprocessing); });
    const outputs = await merged.run({ [merged.inputNames[0] ?? '']: new ort.Tensor('float32', images, [indices.length, 3, imageSize, imageSize]) });
    const logits = outputs[LOGITS]?.data as Float32Array;
    assert.ok(logits.every((value, index) => Math.abs(value - (own.logits[index] ?? Number.NaN)) <= 1e-4));
    await merged.release();
  });
});

describe('endings', () => {
  const cancelled = (error: unknown): boolean => error instanceof TapsError && error.code === 'cancelled';

  test('cancelled in the middle: nothing is written', async () => {
    const run = await learn('taps');
    for (const breaths of [1, 3, 8]) {
      const control = new LoopControl();
      let count = 0;
      const breathe = control.breathe.bind(control);
      control.breathe = async () => {
        if (++count === breaths) control.cancel();
        await breathe();
      };
      const job = jobOf(run, { outputPath: join(run.runFolder, 'never.safetensors') });
      await assert.rejects(runCompressJob(job, control, () => undefined), cancelled);
      assert.ok(!existsSync(job.outputPath));
    }
  });

  test('in a child: progress rises, the result comes, a cancelled one says that nothing changed', async () => {
    const run = await learn('taps');
    const client = new TrainerClient();
    const stages = new Set<string>();
    const { report } = await client.compress(jobOf(run), (event) => {
      if (event.kind === 'compressing') stages.add(event.progress.stage);
    });
    assert.deepEqual([...stages], ['measuring', 'choosing', 'evaluating']);
    assert.ok(report.bytesAfter < report.bytesBefore);
    await client.stop();
    const other = new TrainerClient();
    await assert.rejects(other.compress(jobOf(run), () => undefined, AbortSignal.abort()), (error: unknown) => cancelled(error) && /nothing was changed/.test((error as TapsError).advice));
    await other.stop();
  });

  test('another base is refused', async () => {
    const run = await learn('taps');
    await assert.rejects(compress(jobOf(run, { base: { ...run.base, baseId: '2'.repeat(64) } })), (error: unknown) => error instanceof TapsError && error.code === 'base-mismatch');
  });
});

test('TALL masks of two runs on one base: files that are evaluated, a vector and small masks', async () => {
  const runs = [await learn('full-fine-tuning'), await learn('full-fine-tuning', { seed: 9 })];
  const outputFolder = join(tiny.folder, 'tall');
  mkdirSync(outputFolder);
  const [first] = runs;
  assert.ok(first);
  const job = { base: first.base, tasks: runs.map((run, index) => ({ name: `task ${String(index)}`, artifactPath: fileOf(run), preparedFolder: run.preparedFolder })), outputFolder, engine: 'onnxruntime', threads: 1 } as const;
  const done = await runTallJob({ ...job, tasks: [...job.tasks] }, new LoopControl());
  assert.ok(done.kind === 'tall');
  const { report } = done;
  assert.equal(report.sharedBytes, readFileSync(report.sharedPath).length);
  // The vector as float16; each task a bit per number, its normalisation and its head.
  assert.ok(report.sharedBytes < 2.2 * report.parameters + 500 && report.sharedBytes > report.parameters);
  for (const task of report.tasks) {
    assert.equal(task.bytes, readFileSync(task.path).length);
    assert.ok(task.bytes < report.parameters / 8 + 4000, `${String(task.bytes)} for ${String(report.parameters)}`);
    assert.ok(task.density > 0.3 && task.density < 1 && task.lambda >= 0.2 && task.lambda <= 0.6);
    assert.ok(task.test.accuracy >= task.validationBefore.accuracy - 0.5, `test ${String(task.test.accuracy)}`);
  }
  await assert.rejects(runTallJob({ ...job, tasks: job.tasks.slice(0, 1) }, new LoopControl()), (error: unknown) => error instanceof TapsError && error.code === 'usage');
});
