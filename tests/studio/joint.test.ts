/** @file Joint training from the window: both variants, one job of the queue, standing still, stopping, a closed program, what comes of it, refusals. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jointConfigSchema } from '../../src-main/contract/joint.ts';
import type { JointView } from '../../src-main/contract/studio/joint.ts';
import { operation, quickConfig, StudioPlace, type StudioHarness } from './harness.ts';

/** Some short runs on a machine that may be busy. */
const LONG_MS = 500_000;
const place = new StudioPlace();
let harness: StudioHarness;
const taskIds: string[] = [];
before(async () => {
  harness = await place.start();
  const { baseId, taskId } = await harness.taskFromSample('drawings');
  const inspection = await harness.ask('images.inspect', { source: { kind: 'sample', id: 'emoji' }, baseId, seed: 1, validation: 0.15, test: 0.15, operationId: operation() });
  taskIds.push(taskId, (await harness.ask('task.create', { name: 'emoji', baseId, inspectionId: inspection.id, excluded: [], operationId: operation() })).id);
});
after(() => place.remove());

const configOf = (variant: 'exact' | 'two-stage', epochs: number): JointView['config'] => jointConfigSchema.parse({ variant, train: quickConfig({ method: 'taps', epochs, warmupEpochs: 0, learningRate: 0.02 }) });
async function until(jointId: string, wanted: (joint: JointView) => boolean, what: string): Promise<JointView> {
  for (;;) {
    const { joint } = await harness.ask('joint.show', { jointId });
    if (wanted(joint)) return joint;
    assert.ok(joint.state !== 'unfinished' && joint.state !== 'done', `waiting for ${what}, the joint run became ${joint.state}: ${JSON.stringify(joint.failure)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('exact: stands still, stops with a checkpoint, outlives the program, and ends with a base and a task for each', { timeout: LONG_MS }, async () => {
  const started = await harness.ask('joint.start', { name: 'together', taskIds, config: configOf('exact', 4) });
  assert.deepEqual([started.state, started.tasks.map(({ name }) => name)], ['running', ['drawings', 'emoji']]);
  const { id } = started;
  assert.equal((await harness.refusal('joint.start', { name: 'together', taskIds, config: configOf('exact', 4) })).code, 'already-exists');
  assert.equal((await harness.refusal('removal.start', { kind: 'task', id: taskIds[0] })).code, 'usage');
  assert.equal((await harness.refusal('removal.start', { kind: 'joint', id })).code, 'usage');
  const waits = await harness.ask('run.start', { taskId: taskIds[0] ?? '', config: quickConfig({ epochs: 1 }) });
  assert.equal(waits.position, 0);
  await harness.ask('run.stop', { runId: waits.id, keepBest: false });
  const going = await until(id, ({ progress }) => (progress?.epoch ?? 0) >= 1, 'the second epoch');
  assert.ok(going.memory !== null && going.stage === 'training');
  await harness.ask('joint.pause', { jointId: id });
  const still = await until(id, ({ state }) => state === 'paused', 'the pause');
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal((await harness.ask('joint.show', { jointId: id })).joint.progress?.step, still.progress?.step);
  await harness.studio.close();
  harness = await place.start();
  const [found] = await harness.ask('joint.list', {});
  assert.deepEqual([found?.id, found?.state, found?.failure, harness.studio.busy()], [id, 'unfinished', null, false]);
  await harness.ask('joint.resume', { jointId: id });
  const done = await until(id, ({ state }) => state === 'done', 'the end');
  assert.deepEqual(done.result?.tasks.map(({ name }) => name), ['drawings@together', 'emoji@together']);
  assert.ok(done.result.tasks.every(({ testAccuracy }) => testAccuracy !== null));
  const { tasks, bases } = await harness.ask('library.overview', {});
  assert.ok(bases.some(({ name }) => name === 'together'));
  assert.deepEqual(tasks.filter(({ baseName }) => baseName === 'together').map(({ current }) => current?.method), ['taps', 'taps']);
  const told = harness.events.some((event) => event.name === 'joint.changed' && event.payload.progress !== null);
  assert.ok(told, 'tells how far it is');
  const { epochs } = await harness.ask('joint.show', { jointId: id });
  assert.equal(epochs.at(-1)?.epoch, 3, 'what was learnt since the start of the program is shown after the end too');
});

test('two stages: the run of each task is told as one that goes, and is stopped and gone on with in the second stage too', { timeout: LONG_MS }, async () => {
  const { id } = await harness.ask('joint.start', { name: 'stages', taskIds, config: configOf('two-stage', 3) });
  const second = await until(id, ({ now }) => now.length > 0, 'the second stage');
  assert.equal(second.stage, 'tasks');
  const [runId = ''] = second.now;
  const { run } = await harness.ask('run.show', { runId });
  assert.ok(['running', 'done'].includes(run.status), run.status);
  await harness.ask('joint.stop', { jointId: id });
  const stopped = await until(id, ({ state }) => state === 'unfinished' || state === 'done', 'the stop');
  if (stopped.state === 'unfinished') await harness.ask('joint.resume', { jointId: id });
  const done = await until(id, ({ state }) => state === 'done', 'the end');
  assert.equal(done.result?.tasks.length, 2);
  assert.deepEqual((await harness.ask('joint.show', { jointId: id })).epochs.map(({ epoch, tasks }) => [epoch, tasks.length]), [[0, 2], [1, 2], [2, 2]]);
});

test('what cannot be: one task, one named twice, a budget; an unfinished one is given up and its name is free', { timeout: LONG_MS }, async () => {
  const config = configOf('exact', 2000);
  const [first = ''] = taskIds;
  assert.equal((await harness.refusal('joint.start', { name: 'x', taskIds: [first], config })).code, 'invalid-config');
  assert.equal((await harness.refusal('joint.start', { name: 'x', taskIds: [first, first], config })).code, 'usage');
  assert.equal((await harness.refusal('joint.start', { name: 'x', taskIds, config: { ...config, train: quickConfig() } })).code, 'invalid-config');
  const { id } = await harness.ask('joint.start', { name: 'given up', taskIds, config });
  await harness.ask('joint.stop', { jointId: id });
  await until(id, ({ state }) => state === 'unfinished', 'the stop');
  const { removalId } = await harness.ask('removal.start', { kind: 'joint', id });
  assert.equal((await harness.refusal('joint.show', { jointId: id })).code, 'not-found');
  assert.deepEqual(await harness.ask('removal.undo', { removalId }), { restored: true });
  assert.equal((await harness.ask('joint.show', { jointId: id })).joint.name, 'given up');
});
