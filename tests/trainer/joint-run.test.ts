/** @file A joint run from files to files: stopped anywhere it goes on to the same bytes, and what it stores answers as it did. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loadBase } from '../../src-main/bases/load-base.ts';
import { TapsError } from '../../src-main/contract/errors.ts';
import type { JointJob, JointMemory, JointResult, JointVariant } from '../../src-main/contract/joint.ts';
import type { TrainerEvent } from '../../src-main/contract/trainer-protocol.ts';
import { scoreLogits } from '../../src-main/core/metrics.ts';
import { openPreparedSet } from '../../src-main/data/prepared-set.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { readSafetensors } from '../../src-main/formats/safetensors.ts';
import { decodeTaskFile } from '../../src-main/formats/task-file.ts';
import { baseIdOf } from '../../src-main/library/base-id.ts';
import { PARTIAL_SUFFIX } from '../../src-main/platform/atomic-file.ts';
import { sha256OfBytes } from '../../src-main/platform/hash.ts';
import { TrainerClient } from '../../src-main/supervisor/trainer-client.ts';
import { LoopControl } from '../../src-main/trainer/control.ts';
import { collectLogits } from '../../src-main/trainer/evaluate.ts';
import { TaskBatches, jointStepsPerEpoch } from '../../src-main/trainer/joint-batches.ts';
import { runJointJob } from '../../src-main/trainer/joint-job.ts';
import { createPredictor } from '../../src-main/training/predictor.ts';
import { makeTinyJointRun, type TinyJointRun } from '../helpers/joint-run.ts';

let tiny: TinyJointRun;
before(async () => {
  tiny = await makeTinyJointRun();
});
after(() => {
  tiny.remove();
});

const coded = (code: string, pattern = /./) => (error: unknown): boolean => error instanceof TapsError && error.code === code && pattern.test(`${error.message} ${error.advice}`);

async function finish(job: JointJob, send: (event: TrainerEvent) => void = () => undefined): Promise<JointResult> {
  const done = await runJointJob(job, new LoopControl(), send);
  assert.ok(done.kind === 'joint-done');
  return done.result;
}

/** What a finished run leaves to store, by file name. Checkpoints hold times. A killed process may leave a file it was writing; the owner removes the folder. */
function filesOf(job: JointJob): Record<string, string> {
  const files = readdirSync(job.runFolder).filter((file) => !file.endsWith(PARTIAL_SUFFIX) && !file.startsWith('checkpoint-'));
  return Object.fromEntries(files.sort().map((file) => [file, sha256OfBytes(readFileSync(join(job.runFolder, file)))]));
}

/** Cancels at the given breath; false when the run was over before. */
async function cancelAt(job: JointJob, breath: number): Promise<boolean> {
  const control = new LoopControl();
  const breathe = control.breathe.bind(control);
  let breaths = 0;
  control.breathe = async () => {
    if (++breaths === breath) control.cancel();
    await breathe();
  };
  return runJointJob(job, control, () => undefined).then(
    () => false,
    (error: unknown) => {
      assert.ok(coded('cancelled')(error), String(error));
      return true;
    },
  );
}

for (const variant of ['exact', 'two-stage'] as const satisfies readonly JointVariant[]) {
  describe(variant, () => {
    test('cancelled at any step and resumed, the files have the same bytes', async () => {
      const whole = tiny.job({ variant }, { epochs: 2 }, `${variant}-whole`);
      const events: TrainerEvent[] = [];
      const result = await finish(whole, (event) => events.push(event));
      const expected = filesOf(whole);
      assert.deepEqual(Object.keys(expected), [...(variant === 'exact' ? ['task-0.safetensors', 'task-1.safetensors'] : []), 'topology.onnx', 'weights.safetensors']);
      assert.equal(result.epochs.length, 2);
      for (const { tasks, validationAccuracy } of result.epochs) assert.ok(Math.abs(validationAccuracy - ((tasks[0]?.validationAccuracy ?? NaN) + (tasks[1]?.validationAccuracy ?? NaN)) / 2) < 1e-12);
      const checkpoints = events.filter(({ kind }) => kind === 'checkpoint');
      assert.equal(checkpoints.length, 2, 'one checkpoint per epoch');
      let cut = 0;
      for (let breath = 1; ; breath += 3) {
        const job = tiny.job({ variant }, { epochs: 2 }, `${variant}-cut-${String(breath)}`);
        if (!(await cancelAt(job, breath))) break;
        cut++;
        const resumed = await finish({ ...job, resume: true });
        assert.deepEqual(filesOf(job), expected, `cut at breath ${String(breath)}`);
        assert.deepEqual(resumed.epochs.map((epoch) => epoch.validationAccuracy), result.epochs.map((epoch) => epoch.validationAccuracy));
      }
      assert.ok(cut >= 3, 'some steps were cut');
    });

    test('after SIGKILL of the trainer child', async () => {
      const whole = tiny.job({ variant }, { epochs: 8 }, `${variant}-kill-whole`);
      await finish(whole);
      const job = tiny.job({ variant }, { epochs: 8 }, `${variant}-killed`);
      const first = new TrainerClient();
      await assert.rejects(
        first.joint(job, (event) => {
          if (event.kind === 'joint-epoch' && event.epoch.epoch === 3) process.kill(first.pid, 'SIGKILL');
        }),
        coded('child-crashed', /SIGKILL/),
      );
      assert.ok(!existsSync(join(job.runFolder, 'weights.safetensors')));
      const second = new TrainerClient();
      const epochs: number[] = [];
      await second.joint({ ...job, resume: true }, (event) => {
        if (event.kind === 'joint-epoch') epochs.push(event.epoch.epoch);
      });
      await second.stop();
      assert.deepEqual(epochs, [0, 1, 2, 3, 4, 5, 6, 7], 'every epoch is reported once, old ones again');
      assert.deepEqual(filesOf(job), filesOf(whole));
    });
  });
}

describe('what a run leaves', () => {
  test('exact: the stored tasks on the derived base answer as at the end of training', async () => {
    const job = tiny.job({}, { epochs: 4 }, 'answers');
    const result = await finish(job);
    const [graph, weights] = [result.graphPath, result.weightsPath].map((path) => readFileSync(path));
    assert.ok(graph && weights);
    assert.equal(sha256OfBytes(graph), job.base.graphSha256, 'the graph is the base\'s: it is stored once');
    const baseId = baseIdOf(sha256OfBytes(graph), sha256OfBytes(weights));
    const derived = await loadBase({ baseId, graphPath: result.graphPath, graphSha256: sha256OfBytes(graph), weightsPath: result.weightsPath, weightsSha256: sha256OfBytes(weights) });
    const before = readSafetensors(readFileSync(job.base.weightsPath)).tensors;
    const moved = [...readSafetensors(weights).tensors].filter(([name, { data }]) => (data as Float32Array).some((value, index) => value !== before.get(name)?.data[index])).map(([name]) => name);
    const gated = derived.parameters.filter(({ role }) => role === 'gated').map(({ name }) => name);
    assert.deepEqual(moved.sort(), gated.sort(), 'the layers moved, and nothing else');
    const engine = await createEngine('onnxruntime', { threads: 1 });
    for (const [task, { artifactPath, test: tested, validation }] of result.tasks.entries()) {
      assert.ok(artifactPath !== null && tested !== null);
      const artifact = decodeTaskFile(readFileSync(artifactPath));
      const input = job.tasks[task];
      assert.ok(input);
      assert.equal(artifact.baseId, baseId);
      assert.deepEqual(artifact.classNames, input.classNames);
      const data = openPreparedSet(input.preparedFolder);
      const predictor = await createPredictor({ engine, base: derived, artifact, batchSize: 5 });
      for (const [split, evaluation] of [['test', tested], ['validation', validation]] as const) {
        const indices = data.indicesOf(split);
        const logits = await collectLogits({ data, indices, preprocessing: artifact.preprocessing, batchSize: 5, classes: predictor.classes, logits: { ofImages: (images) => predictor.logits(images) } });
        const scored = scoreLogits(logits, indices.map((index) => data.labels[index] ?? -1), predictor.classes);
        assert.deepEqual(scored.confusion, evaluation.confusion);
        assert.ok(Math.abs(scored.loss - evaluation.loss) < 1e-5 * Math.max(1, evaluation.loss), `${String(scored.loss)} and ${String(evaluation.loss)}`);
      }
      predictor.dispose();
    }
    engine.dispose();
  });

  test('two-stage: the derived base has new weights and statistics, its own head as it was, and looks at no test picture', async () => {
    const job = tiny.job({ variant: 'two-stage', sharedEpochs: 2 }, { epochs: 5 }, 'stage-one');
    const result = await finish(job);
    assert.equal(result.epochs.length, 2);
    assert.deepEqual(result.tasks.map((task) => [task.test, task.artifactPath]), [[null, null], [null, null]]);
    const before = readSafetensors(readFileSync(job.base.weightsPath)).tensors;
    const now = readSafetensors(readFileSync(result.weightsPath)).tensors;
    assert.deepEqual([...now.keys()], [...before.keys()]);
    for (const [name, { data }] of now) {
      const same = (data as Float32Array).every((value, index) => value === before.get(name)?.data[index]);
      assert.equal(same, name.startsWith('fc.'), name);
    }
  });

  test('Δ held at 0: the derived base is the base', async () => {
    const job = tiny.job({ sharedLearningRate: 0 }, { epochs: 1 }, 'frozen');
    const result = await finish(job);
    assert.equal(sha256OfBytes(readFileSync(result.weightsPath)), job.base.weightsSha256);
  });
});

describe('order and limits', () => {
  test('an epoch is the smallest task; larger ones go on where they were', () => {
    const job = tiny.job();
    const [large, small] = job.tasks.map(({ name, preparedFolder, classNames }) => {
      const data = openPreparedSet(preparedFolder);
      return { count: data.indicesOf('train').length, batches: new TaskBatches(name, data, { ...job.config.train, augmentation: 'none' }, job.preprocessing, classNames.length) };
    });
    assert.ok(large && small && large.count > small.count);
    assert.equal(jointStepsPerEpoch([large.batches, small.batches]), Math.floor(small.count / 5));
    // A pass over the larger task meets as many different pictures as fill whole batches, though it spans several joint epochs.
    const seen = new Set<string>();
    for (let step = 0; step < large.batches.perEpoch; step++) {
      const { batch } = large.batches.at(step, 0);
      for (let slot = 0; slot < 5; slot++) seen.add(sha256OfBytes(new Uint8Array(batch.images.slice(slot * 432, (slot + 1) * 432).buffer)));
    }
    assert.equal(seen.size, large.batches.perEpoch * 5);
    // A function of the step alone.
    assert.deepEqual(large.batches.at(1, 0), large.batches.at(1, 0));
  });

  test('what cannot fit is refused in words before anything is learnt; two-stage does not grow with the tasks', async () => {
    const memoryOf = async (job: JointJob): Promise<JointMemory> => {
      const control = new LoopControl();
      const found: JointMemory[] = [];
      control.cancel();
      await assert.rejects(
        runJointJob(job, control, (event) => {
          if (event.kind === 'joint-memory') found.push(event.memory);
        }),
        coded('cancelled'),
      );
      const [memory] = found;
      assert.ok(memory);
      return memory;
    };
    const job = tiny.job({}, {}, 'memory');
    const [one, two] = job.tasks;
    assert.ok(one && two);
    const [few, many] = [await memoryOf(job), await memoryOf({ ...job, tasks: [one, two, two, two], runFolder: `${job.runFolder}-4` })];
    assert.ok(Math.abs(many.neededBytes - few.neededBytes - 2 * few.bytesPerTask) < 2);
    const constant = await memoryOf({ ...tiny.job({ variant: 'two-stage' }, {}, 'memory-2') });
    assert.ok(constant.bytesPerTask < few.bytesPerTask / 20, `${String(constant.bytesPerTask)} and ${String(few.bytesPerTask)}`);
    const events: string[] = [];
    const refused = tiny.job({}, {}, 'refused');
    await assert.rejects(
      runJointJob(refused, new LoopControl(), (event) => events.push(event.kind), few.bytesPerTask),
      coded('out-of-memory', /2 tasks jointly \(exact\) takes about \d+ MB, .* for every task, and \d+ MB are free.*--variant two-stage/),
    );
    assert.deepEqual(events, ['stage']);
    assert.deepEqual(readdirSync(refused.runFolder), []);
  });

  test('another order of tasks, another dataset or another setting is no continuation', async () => {
    const job = tiny.job({}, { epochs: 2 }, 'changed');
    assert.ok(await cancelAt(job, 2));
    const [one, two] = job.tasks;
    assert.ok(one && two);
    for (const other of [{ ...job, tasks: [two, one] }, { ...job, tasks: [one, { ...two, datasetHash: 'f'.repeat(64) }] }, { ...job, config: { ...job.config, sharedLearningRate: 0.5 } }]) {
      await assert.rejects(finish({ ...other, resume: true }), coded('run-incompatible'));
    }
  });

  test('a loss that becomes infinite names the task', async () => {
    await assert.rejects(finish(tiny.job({}, { learningRate: 100, momentum: 0.99, epochs: 30 }, 'diverges')), coded('non-finite', /task "(stripes|directions)".*epoch \d+, step \d+|not finite/));
  });
});
