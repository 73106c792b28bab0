/** @file Runs that go on by themselves: in smaller micro-batches where memory does not suffice, in a fresh process where a GPU is lost. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { CompressJob } from '../../src-main/contract/compression.ts';
import { TapsError } from '../../src-main/contract/errors.ts';
import type { JointJob } from '../../src-main/contract/joint.ts';
import type { PredictJob, TrainerEvent, TrainJob } from '../../src-main/contract/trainer-protocol.ts';
import type { TallJob } from '../../src-main/contract/tall.ts';
import type { Recovery } from '../../src-main/contract/training.ts';
import { batchesPerEpoch, epochOrder, trainingBatch } from '../../src-main/core/batching.ts';
import { argMax } from '../../src-main/core/metrics.ts';
import { smallerMicroBatches } from '../../src-main/core/micro-batch.ts';
import { saysOutOfMemory } from '../../src-main/core/out-of-memory.ts';
import { openPreparedSet } from '../../src-main/data/prepared-set.ts';
import { sha256OfBytes } from '../../src-main/platform/hash.ts';
import { nextAttempt, nextBatch } from '../../src-main/supervisor/recovery.ts';
import { TrainerClient } from '../../src-main/supervisor/trainer-client.ts';
import { runCompressJob } from '../../src-main/trainer/compress/compress-job.ts';
import { LoopControl } from '../../src-main/trainer/control.ts';
import { runJointJob } from '../../src-main/trainer/joint-job.ts';
import { runPredictJob, runPredictManyJob } from '../../src-main/trainer/predict-job.ts';
import { runTallJob } from '../../src-main/trainer/tall-job.ts';
import { runTrainJob } from '../../src-main/trainer/train-job.ts';
import { optimizerStepsPerEpoch } from '../../src-main/training/schedule.ts';
import { makeTinyJointRun, type TinyJointRun } from '../helpers/joint-run.ts';
import { makeTinyRun, type TinyRun } from '../helpers/tiny-run.ts';
import { withChild } from '../helpers/with-child.ts';

let tiny: TinyRun;
before(async () => {
  tiny = await makeTinyRun();
});
after(() => {
  tiny.remove();
});

type Ending = { done: Extract<TrainerEvent, { kind: 'done' }> } | { failure: TapsError };

async function learn(job: TrainJob, file: string, environment: Record<string, string>): Promise<Ending & { recoveries: Recovery[] }> {
  const recoveries: Recovery[] = [];
  try {
    const done = await withChild(file, environment, (client) =>
      client.train(job, (event) => {
        if (event.kind === 'recovery') recoveries.push(event.recovery);
      }),
    );
    return { done, recoveries };
  } catch (error) {
    assert.ok(error instanceof TapsError, String(error));
    return { failure: error, recoveries };
  }
}

function doneOf(ending: Ending): Extract<TrainerEvent, { kind: 'done' }> {
  assert.ok('done' in ending, 'failure' in ending ? `${ending.failure.code}: ${ending.failure.message}` : '');
  return ending.done;
}

const taskFile = (job: TrainJob): Buffer => readFileSync(join(job.runFolder, 'task.safetensors'));

describe('micro-batches', () => {
  test('are halved, or cut into the next smaller equal parts', () => {
    assert.deepEqual(smallerMicroBatches({ batchSize: 32, accumulate: 1 }, 32), { batchSize: 16, accumulate: 2 });
    assert.deepEqual(smallerMicroBatches({ batchSize: 32, accumulate: 3 }, 8), { batchSize: 4, accumulate: 24 });
    assert.deepEqual(smallerMicroBatches({ batchSize: 12, accumulate: 1 }, 6), { batchSize: 3, accumulate: 4 });
    assert.deepEqual(smallerMicroBatches({ batchSize: 10, accumulate: 1 }, 10), { batchSize: 5, accumulate: 2 });
    assert.deepEqual(smallerMicroBatches({ batchSize: 10, accumulate: 1 }, 5), { batchSize: 2, accumulate: 5 });
    assert.deepEqual(smallerMicroBatches({ batchSize: 7, accumulate: 2 }, 7), { batchSize: 1, accumulate: 14 });
    assert.equal(smallerMicroBatches({ batchSize: 32, accumulate: 1 }, 1), null);
  });

  test('every optimiser step sees the same pictures, and there are as many steps', () => {
    const whole = fc.record({ images: fc.integer({ min: 1, max: 400 }), batchSize: fc.integer({ min: 1, max: 48 }), accumulate: fc.integer({ min: 1, max: 4 }) });
    fc.assert(
      fc.property(whole, ({ images, batchSize, accumulate }) => {
        const order = epochOrder(images, 1, 0);
        const steps = (micro: { batchSize: number; accumulate: number }): number[][] =>
          Array.from({ length: optimizerStepsPerEpoch(batchesPerEpoch(images, micro.batchSize), micro.accumulate) }, (_, step) =>
            Array.from({ length: micro.accumulate }, (_unused, index) => trainingBatch(order, micro.batchSize, step * micro.accumulate + index)).flat(),
          );
        const asked = { batchSize, accumulate };
        let micro = smallerMicroBatches(asked, batchSize);
        while (micro !== null) {
          assert.deepEqual(steps(micro), steps(asked));
          micro = smallerMicroBatches(asked, micro.batchSize);
        }
      }),
    );
  });
});

test('the words of everything that may run out of memory', () => {
  for (const message of [
    'OOM when allocating tensor with shape[256,64,112,112] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc',
    'RESOURCE_EXHAUSTED: failed to allocate memory [Op:Conv2D]',
    'Failed to allocate memory for requested buffer of size 2147483648',
    'std::bad_alloc',
    'Array buffer allocation failed',
    'WebGPU device error(3): vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY',
    'WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.',
    'D3D12 create committed resource failed with E_OUTOFMEMORY (0x8007000E)',
    'CUDA_ERROR_OUT_OF_MEMORY: out of memory',
  ]) assert.ok(saysOutOfMemory(message), message);
  for (const message of ['Non-zero status code returned while running Gemm node. GEMM: Dimension mismatch', 'The loss became NaN at epoch 3', 'Device is lost']) assert.ok(!saysOutOfMemory(message), message);
});

describe('out of memory', () => {
  test('the run goes on in smaller micro-batches to the bytes of a run that was asked for them', async () => {
    const job = tiny.job({ epochs: 3, batchSize: 12 }, 'retreat');
    const ending = await learn(job, 'failing-runtime', { TEST_ROOM: '3' });
    const { result } = doneOf(ending);
    assert.deepEqual(ending.recoveries.map(({ reason, batchSize, accumulate }) => [reason, batchSize, accumulate]), [['memory', 6, 2], ['memory', 3, 4]]);
    assert.match(ending.recoveries[0]?.message ?? '', /Failed to allocate memory for requested buffer of size/);
    assert.deepEqual(result.recoveries, ending.recoveries, 'the record of the run says so');

    const asked = tiny.job({ epochs: 3, batchSize: 3, accumulate: 4 }, 'asked');
    await runTrainJob(asked, new LoopControl(), () => undefined);
    assert.deepEqual(taskFile(job), taskFile(asked));
  });

  test('a run that is resumed begins with the micro-batches that had room', async () => {
    const job = tiny.job({ epochs: 6, batchSize: 12 }, 'retreat-resumed');
    process.env['TEST_ROOM'] = '6';
    const client = new TrainerClient({ file: fileURLToPath(new URL('children/failing-runtime.ts', import.meta.url)) });
    const stop = new AbortController();
    await assert.rejects(
      client.train(job, (event) => { if (event.kind === 'epoch' && event.metrics.epoch === 2) stop.abort(); }, stop.signal),
      (error: unknown) => error instanceof TapsError && error.code === 'cancelled',
    );
    await client.stop();
    delete process.env['TEST_ROOM'];
    const resumed = await learn({ ...job, resume: true }, 'failing-runtime', { TEST_ROOM: '6' });
    assert.deepEqual(resumed.recoveries, [], 'nothing fails again');
    assert.deepEqual(doneOf(resumed).result.recoveries?.map(({ batchSize }) => batchSize), [6]);
  });

  test('no room for one picture is said clearly', async () => {
    const ending = await learn(tiny.job({ batchSize: 4 }, 'no-room'), 'failing-runtime', { TEST_ROOM: '0' });
    assert.ok('failure' in ending);
    assert.equal(ending.failure.code, 'out-of-memory');
    assert.match(ending.failure.message, /even for one picture at a time/);
    assert.deepEqual(ending.recoveries.map(({ batchSize }) => batchSize), [2, 1]);
  });

  test('with memory that really runs out', async (t) => {
    if (process.platform !== 'linux' || !hasPrlimit()) {
      t.skip('needs Linux with prlimit (util-linux), which limits what a process may map');
      return;
    }
    const job = tiny.job({ epochs: 1, warmupEpochs: 0, batchSize: 4096 }, 'really');
    const ending = await learn(job, 'limited-memory', { TEST_ADDRESS_SPACE: String(700 * 2 ** 20) });
    const { result } = doneOf(ending);
    assert.ok(ending.recoveries.length > 0, 'the whole batch had no room');
    for (const { reason, batchSize, accumulate } of ending.recoveries) assert.deepEqual([reason, batchSize * accumulate], ['memory', 4096]);
    assert.deepEqual(result.recoveries, ending.recoveries);
  });
});

describe('out of memory in a joint run', () => {
  let joint: TinyJointRun;
  before(async () => {
    joint = await makeTinyJointRun();
  });
  after(() => {
    joint.remove();
  });
  const filesOf = (job: JointJob): Record<string, string> => {
    const files = readdirSync(job.runFolder).filter((file) => !file.startsWith('checkpoint-'));
    return Object.fromEntries(files.sort().map((file) => [file, sha256OfBytes(readFileSync(join(job.runFolder, file)))]));
  };

  for (const variant of ['exact', 'two-stage'] as const) {
    test(`${variant}: it goes on in smaller micro-batches of every task, to the bytes of a run that began with them`, async () => {
      const job = joint.job({ variant }, { epochs: 2, batchSize: 4 }, `retreat-${variant}`);
      const recoveries: Recovery[] = [];
      const { result } = await withChild('failing-runtime', { TEST_ROOM: '2' }, (client) =>
        client.joint(job, (event) => {
          if (event.kind === 'recovery') recoveries.push(event.recovery);
        }),
      );
      assert.deepEqual(recoveries.map(({ reason, batchSize, accumulate }) => [reason, batchSize, accumulate]), [['memory', 2, 2]]);
      assert.deepEqual(result.recoveries, recoveries, 'the record of the run says so');
      const begun = { ...job, runFolder: `${job.runFolder}-begun`, recoveries };
      await runJointJob(begun, new LoopControl(), () => undefined);
      assert.deepEqual(filesOf(job), filesOf(begun));
      const whole = await runJointJob({ ...job, runFolder: `${job.runFolder}-whole` }, new LoopControl(), () => undefined);
      assert.ok(whole.kind === 'joint-done');
      result.epochs.forEach(({ tasks }, epoch) => {
        assert.deepEqual(tasks.map(({ learningRate }) => learningRate), whole.result.epochs[epoch]?.tasks.map(({ learningRate }) => learningRate));
      });
    });
  }

  test('cut and resumed, it begins with the micro-batches that had room and ends with the same bytes', async () => {
    const job = joint.job({}, { epochs: 3, batchSize: 4 }, 'joint-resumed');
    const stop = new AbortController();
    await assert.rejects(
      withChild('failing-runtime', { TEST_ROOM: '2' }, (client) => client.joint(job, (event) => { if (event.kind === 'joint-epoch' && event.epoch.epoch === 0) stop.abort(); }, stop.signal)),
      (error: unknown) => error instanceof TapsError && error.code === 'cancelled',
    );
    const events: TrainerEvent[] = [];
    const { result } = await withChild('failing-runtime', { TEST_ROOM: '2' }, (client) => client.joint({ ...job, resume: true }, (event) => events.push(event)));
    assert.ok(!events.some(({ kind }) => kind === 'recovery'), 'nothing fails again');
    assert.deepEqual(result.recoveries?.map(({ batchSize }) => batchSize), [2]);
    const begun = { ...job, runFolder: `${job.runFolder}-begun`, recoveries: result.recoveries };
    await runJointJob(begun, new LoopControl(), () => undefined);
    assert.deepEqual(filesOf(job), filesOf(begun));
  });

  test('where the estimate says it beforehand, the largest micro-batches that fit are taken; a refusal is the last word', async () => {
    const needed = async (batchSize: number): Promise<number> => {
      const found: number[] = [];
      const job = joint.job({}, { batchSize, imageSize: 48, epochs: 1 }, `estimate-${String(batchSize)}`);
      const control = new LoopControl();
      control.cancel();
      await assert.rejects(runJointJob(job, control, (event) => { if (event.kind === 'joint-memory') found.push(event.memory.neededBytes); }));
      return found[0] ?? Number.NaN;
    };
    const events: TrainerEvent[] = [];
    const job = joint.job({}, { batchSize: 8, imageSize: 48, epochs: 1, warmupEpochs: 0 }, 'estimated');
    const done = await runJointJob(job, new LoopControl(), (event) => events.push(event), (await needed(8)) - 1);
    const recovery = events.find((event) => event.kind === 'recovery')?.recovery;
    assert.deepEqual([recovery?.reason, recovery?.batchSize, recovery?.accumulate], ['memory', 4, 2]);
    assert.match(recovery?.message ?? '', /takes about \d+ MB/);
    assert.ok(done.kind === 'joint-done');
    assert.deepEqual(done.result.recoveries, [recovery]);
    const refused = await runJointJob({ ...job, runFolder: `${job.runFolder}-not` }, new LoopControl(), () => undefined, 1).then(() => null, (error: unknown) => error);
    assert.ok(refused instanceof TapsError && refused.code === 'out-of-memory');
    assert.equal(nextAttempt(job, refused), null);
  });
});

describe('out of memory in work that changes no weights', () => {
  let learnt: TrainJob;
  let pictures: number[];
  before(async () => {
    learnt = tiny.job({ epochs: 4, lambda: 0.02 }, 'asked-again');
    await runTrainJob(learnt, new LoopControl(), () => undefined);
    pictures = Array.from({ length: openPreparedSet(learnt.preparedFolder).count }, (_, index) => index);
  });
  const question = (): PredictJob => ({ base: learnt.base, artifactPath: join(learnt.runFolder, 'task.safetensors'), preparedFolder: learnt.preparedFolder, indices: pictures, engine: 'onnxruntime', threads: 1 });
  const sameAnswers = (actual: Float32Array, expected: Float32Array, classes: number): void => {
    assert.equal(actual.length, expected.length);
    for (let row = 0; row < actual.length; row += classes) assert.equal(argMax(actual.subarray(row, row + classes)), argMax(expected.subarray(row, row + classes)));
    actual.forEach((value, index) => {
      assert.ok(Math.abs(value - (expected[index] ?? Number.NaN)) <= 1e-5 * Math.max(1, Math.abs(value)), String(index));
    });
  };

  test('a prediction is asked again with fewer pictures at once, and answers the same', async () => {
    const whole = await runPredictJob(question());
    assert.ok(whole.kind === 'predicted' && pictures.length > 32);
    const asked = await withChild('failing-runtime', { TEST_ROOM: '8' }, (client) => client.predict(question()));
    assert.deepEqual(asked.recoveries?.map(({ batchSize }) => batchSize), [16, 8]);
    assert.match(asked.recoveries[0]?.message ?? '', /Failed to allocate memory for requested buffer of size/);
    sameAnswers(asked.logits, whole.logits, whole.classes);
    assert.deepEqual(asked.evaluation?.confusion, whole.evaluation?.confusion);
  });

  test('so are several tasks in one pass', async () => {
    const { artifactPath, ...rest } = question();
    const job = { ...rest, tasks: [{ name: 'one', artifactPath }, { name: 'two', artifactPath }] };
    const whole = await runPredictManyJob(job);
    assert.ok(whole.kind === 'predicted-many');
    const asked = await withChild('failing-runtime', { TEST_ROOM: '16' }, (client) => client.predictMany(job));
    assert.deepEqual(asked.recoveries?.map(({ batchSize }) => batchSize), [16]);
    asked.logits.forEach((logits, task) => {
      sameAnswers(logits, whole.logits[task] ?? new Float32Array(), whole.classes[task] ?? 0);
    });
  });

  test('no room for one picture is said clearly; other failures are left alone', async () => {
    await assert.rejects(
      withChild('failing-runtime', { TEST_ROOM: '0' }, (client) => client.predict({ ...question(), batchSize: 2 })),
      (error: unknown) => error instanceof TapsError && error.code === 'out-of-memory' && /even for one picture at a time/u.test(error.message),
    );
    for (const code of ['engine-failed', 'cancelled', 'child-crashed', 'base-mismatch'] as const) assert.equal(nextBatch(question(), new TapsError(code, 'Something else.', '')), null);
    assert.equal(nextBatch({ ...question(), indices: [0, 1, 2, 3, 4, 5, 6, 7, 8] }, new TapsError('out-of-memory', 'A process that was ended says no more.', ''))?.batchSize, 4);
  });

  test('a compression evaluates fewer pictures at once and makes the same file', async () => {
    const job = (name: string): CompressJob => ({ base: learnt.base, artifactPath: join(learnt.runFolder, 'task.safetensors'), outputPath: join(learnt.runFolder, name), preparedFolder: learnt.preparedFolder, encoding: 'int8', tolerance: 0.5, engine: 'onnxruntime', threads: 1 });
    const whole = await runCompressJob(job('whole'), new LoopControl(), () => undefined);
    assert.ok(whole.kind === 'compressed');
    const { report } = await withChild('failing-runtime', { TEST_ROOM: '10' }, (client) => client.compress(job('smaller'), () => undefined));
    assert.deepEqual(report.recoveries?.map(({ batchSize }) => batchSize), [16, 8]);
    assert.deepEqual(readFileSync(join(learnt.runFolder, 'smaller')), readFileSync(join(learnt.runFolder, 'whole')));
    assert.deepEqual(report.test.confusion, whole.report.test.confusion);
    assert.deepEqual(report.validationAfter.confusion, whole.report.validationAfter.confusion);
  });

  test('TALL masks are chosen with fewer pictures at once and are the same files', async () => {
    const job = (name: string): TallJob => {
      const outputFolder = join(learnt.runFolder, name);
      mkdirSync(outputFolder);
      const task = { artifactPath: join(learnt.runFolder, 'task.safetensors'), preparedFolder: learnt.preparedFolder };
      return { base: learnt.base, tasks: [{ name: 'one', ...task }, { name: 'other', ...task }], outputFolder, engine: 'onnxruntime', threads: 1 };
    };
    const whole = await runTallJob(job('tall-whole'), new LoopControl());
    assert.ok(whole.kind === 'tall' && whole.report.recoveries === undefined);
    const { report } = await withChild('failing-runtime', { TEST_ROOM: '10' }, (client) => client.tall(job('tall-smaller')));
    assert.deepEqual(report.recoveries?.map(({ batchSize }) => batchSize), [16, 8]);
    for (const [position, { path, test: tested }] of report.tasks.entries()) {
      assert.deepEqual(readFileSync(path), readFileSync(whole.report.tasks[position]?.path ?? ''));
      assert.deepEqual(tested.confusion, whole.report.tasks[position]?.test.confusion);
    }
  });
});

describe('a GPU that is lost', () => {
  test('once: the run goes on from its checkpoint to the same bytes', async () => {
    const whole = tiny.job({ epochs: 3 }, 'device-whole');
    await runTrainJob(whole, new LoopControl(), () => undefined);
    const job = tiny.job({ epochs: 3 }, 'device');
    const file = join(tiny.folder, 'loss');
    writeFileSync(file, '');
    const ending = await learn(job, 'failing-runtime', { TEST_LOSS: file });
    assert.deepEqual(ending.recoveries.map(({ reason, batchSize, accumulate }) => [reason, batchSize, accumulate]), [['device-lost', 6, 1]]);
    assert.deepEqual(doneOf(ending).result.recoveries, ending.recoveries);
    assert.ok(!existsSync(file));
    assert.deepEqual(taskFile(job), taskFile(whole));
  });

  test('twice: it is the failure of the run', () => {
    const job = tiny.job({}, 'device-twice');
    const lost = new TapsError('engine-failed', 'The GPU was lost in the step.', '', { details: { deviceLost: true } });
    const next = nextAttempt(job, lost);
    assert.equal(next?.resume, true);
    assert.equal(nextAttempt(next, lost), null);
  });

  test('what no other attempt would mend is left alone', () => {
    for (const code of ['non-finite', 'engine-failed', 'cancelled', 'child-crashed', 'disk-full'] as const) assert.equal(nextAttempt(tiny.job(), new TapsError(code, 'Something else.', '')), null);
    assert.equal(nextAttempt(tiny.job(), new Error('out of memory')), null);
  });
});

function hasPrlimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
