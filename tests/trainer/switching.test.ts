/** @file A trainer that stays: task after task on one loaded network, each with its own answers, and memory that does not grow. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { PredictJob } from '../../src-main/contract/trainer-protocol.ts';
import { encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { PredictorHost } from '../../src-main/services/predictor-host.ts';
import { runPredictJob, runPredictManyJob } from '../../src-main/trainer/predict-job.ts';
import { FEW_PICTURES, Predictors } from '../../src-main/trainer/predictors.ts';
import { changedTask } from '../helpers/changed-task.ts';
import { makeTinyRun, TINY_PREPROCESSING } from '../helpers/tiny-run.ts';
import { storeBase, wideBase } from '../helpers/wide-base.ts';

const run = await makeTinyRun();
after(() => {
  run.remove();
});
const model = wideBase();
const base = storeBase(model, run.folder, '2'.repeat(64));
const TASKS = 6;
/** Every second one leaves a layer as it is, so that a switch has something to take back; classes differ. */
const paths = Array.from({ length: TASKS }, (_, number) => {
  const artifact = { ...changedTask(model, { seed: number, layers: number % 2 === 0 ? [1, 2] : [1], classes: 3 + number, imageSize: 12 }), baseId: base.baseId, preprocessing: TINY_PREPROCESSING };
  const path = join(run.folder, `task-${String(number)}.safetensors`);
  writeFileSync(path, encodeTaskFile(artifact));
  return path;
});
const TASK_BYTES = 13 * 2 ** 20;
const jobFor = (number: number, pictures = 2): PredictJob => ({ base, artifactPath: paths[number] ?? '', preparedFolder: join(run.folder, 'prepared'), indices: Array.from({ length: pictures }, (_, index) => index), engine: 'onnxruntime', threads: 1 });

async function logitsOf(job: PredictJob, predictors?: Predictors): Promise<Float32Array> {
  const event = await runPredictJob(job, predictors);
  assert.ok(event.kind === 'predicted');
  return event.logits;
}

function assertSame(actual: Float32Array, expected: Float32Array, what: string): void {
  assert.equal(actual.length, expected.length, what);
  const scale = Math.max(1, ...expected.map(Math.abs));
  const worst = Math.max(...expected.map((value, index) => Math.abs(value - (actual[index] ?? Number.NaN))));
  assert.ok(worst <= 5e-6 * scale, `${what}: ${String(worst)} of ${String(scale)}`);
}

test('200 switches: every answer is the task\'s own, and nothing is kept', async () => {
  const expected: Float32Array[] = [];
  for (let number = 0; number < TASKS; number++) expected.push(await logitsOf(jobFor(number, FEW_PICTURES + 1)));
  const distinct = new Set(expected.map((logits) => String(logits[0])));
  assert.equal(distinct.size, TASKS, 'the tasks answer differently');
  // Room for two of six tasks: most switches read a task that was forgotten.
  const predictors = new Predictors({ keptTaskBytes: 2.5 * TASK_BYTES });
  let warm = 0;
  for (let turn = 0; turn < 260; turn++) {
    const number = (turn * 5 + Math.floor(turn / 7)) % TASKS;
    const logits = await logitsOf(jobFor(number), predictors);
    assertSame(logits, (expected[number] ?? new Float32Array()).subarray(0, logits.length), `task ${String(number)} at turn ${String(turn)}`);
    assert.ok(predictors.taskBytes <= 2.5 * TASK_BYTES);
    if (turn === 60) warm = process.memoryUsage.rss();
  }
  const grown = process.memoryUsage.rss() - warm;
  // One copy of a task kept per switch would be 2.6 GB.
  assert.ok(grown < 300 * 2 ** 20, `${String(Math.round(grown / 2 ** 20))} MiB more after 200 switches`);
  predictors.dispose();
});

test('a task that is larger than what is kept answers all the same', async () => {
  const predictors = new Predictors({ keptTaskBytes: 1 });
  const expected = await logitsOf(jobFor(0, FEW_PICTURES + 1));
  for (const number of [1, 0, 0]) await logitsOf(jobFor(number), predictors);
  const logits = await logitsOf(jobFor(0), predictors);
  assertSame(logits, expected.subarray(0, logits.length), 'after switches');
  predictors.dispose();
});

test('single tasks, several at once and another image size on one trainer', async () => {
  const predictors = new Predictors();
  const { artifactPath: _one, ...setting } = jobFor(0);
  const tasks = [0, 1, 2].map((number) => ({ name: `task ${String(number)}`, artifactPath: paths[number] ?? '' }));
  for (const pictures of [2, FEW_PICTURES + 2, 2]) {
    const indices = Array.from({ length: pictures }, (_, index) => index);
    const many = await runPredictManyJob({ ...setting, indices, tasks }, predictors);
    assert.ok(many.kind === 'predicted-many');
    assert.deepEqual(many.classes, [3, 4, 5]);
    assert.equal(many.sharing.pairs.length, 3);
    for (const number of [0, 1, 2]) assertSame(many.logits[number] ?? new Float32Array(), await logitsOf(jobFor(number, pictures), predictors), `${String(pictures)} pictures, task ${String(number)}`);
  }
  predictors.dispose();
  assertSame(await logitsOf(jobFor(3), predictors), await logitsOf(jobFor(3)), 'usable after everything was freed');
  predictors.dispose();
});

test('a task of another base is refused, and the trainer goes on', async () => {
  const predictors = new Predictors();
  const path = join(run.folder, 'foreign.safetensors');
  writeFileSync(path, encodeTaskFile({ ...changedTask(model, { seed: 1, layers: [1], imageSize: 12 }), baseId: '3'.repeat(64), preprocessing: TINY_PREPROCESSING }));
  await assert.rejects(runPredictJob({ ...jobFor(0), artifactPath: path }, predictors), /not on 22222/);
  assert.ok((await logitsOf(jobFor(0), predictors)).length > 0);
  predictors.dispose();
});

test('the owner keeps one child for many questions, replaces one that was ended, and closes it when idle', async (t) => {
  const host = new PredictorHost({ idleMs: 200 });
  t.after(() => host.close());
  const pidOf = (): number | null => host.pid;
  assert.equal(pidOf(), null);
  const answers = await Promise.all([0, 1, 0].map((number) => host.predict(jobFor(number))));
  const pid = pidOf();
  assert.ok(pid !== null);
  assert.deepEqual(answers.map(({ classes }) => classes), [3, 4, 3]);
  assert.deepEqual(answers[0]?.logits, answers[2]?.logits);
  await assert.rejects(host.predict({ ...jobFor(0), artifactPath: join(run.folder, 'nothing') }));
  assert.equal((await host.predict(jobFor(2))).classes, 5);
  assert.equal(pidOf(), pid, 'a refused question does not cost the child');
  process.kill(pid, 'SIGKILL');
  await assert.rejects(host.predict(jobFor(0)), /ended|crashed|SIGKILL/);
  assert.equal((await host.predict(jobFor(0))).classes, 3);
  assert.notEqual(pidOf(), pid);
  while (pidOf() !== null) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal((await host.predict(jobFor(1))).classes, 4, 'a new child after a while without questions');
});
