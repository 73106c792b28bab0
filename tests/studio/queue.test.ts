/** @file The queue: order, pause, stopping with and without a result, a killed trainer, closing and going on. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { operation, quickConfig, StudioPlace, trainerPids, type StudioHarness } from './harness.ts';

const LONG = quickConfig({ epochs: 2000 });
const place = new StudioPlace();
let harness: StudioHarness;
let taskId = '';
before(async () => {
  harness = await place.start();
  ({ taskId } = await harness.taskFromSample());
});
after(() => place.remove());

const training = (id: string) => harness.until(id, ({ progress }) => progress !== null, 'training');
const ended = (id: string) => harness.until(id, ({ stage }) => stage === 'ended', 'the end');

describe('one run at a time', () => {
  test('runs wait in order, move, leave, and the next starts by itself', async () => {
    const first = await harness.ask('run.start', { taskId, config: LONG });
    assert.deepEqual([first.status, first.position], ['running', null]);
    const waiting = [];
    for (const seed of [2, 3, 4]) waiting.push((await harness.ask('run.start', { taskId, config: quickConfig({ seed, epochs: 1 }) })).id);
    const [second = '', third = '', fourth = ''] = waiting;
    const order = async (): Promise<string[]> => (await harness.ask('run.list', {})).filter(({ status }) => status === 'queued').map(({ id }) => id);
    assert.deepEqual(await order(), [second, third, fourth]);
    assert.deepEqual((await harness.ask('run.list', {})).map(({ position }) => position), [null, 0, 1, 2]);
    await harness.ask('run.move', { id: fourth, position: 0 });
    assert.deepEqual(await order(), [fourth, second, third]);
    await harness.ask('run.move', { id: fourth, position: 99 });
    assert.deepEqual(await order(), [second, third, fourth]);
    assert.equal((await harness.refusal('run.move', { id: first.id, position: 0 })).code, 'usage');
    assert.equal((await harness.refusal('run.resume', { runId: second })).code, 'usage');
    assert.equal((await harness.refusal('removal.start', { kind: 'task', id: taskId })).code, 'usage');
    assert.equal((await harness.refusal('removal.start', { kind: 'run', id: second })).code, 'usage');
    await harness.ask('run.stop', { runId: third, keepBest: false });
    assert.deepEqual(await order(), [second, fourth]);
    assert.equal(harness.studio.busy(), true);
    await harness.ask('run.stop', { runId: first.id, keepBest: false });
    await ended(second);
    await ended(fourth);
    const statuses = new Map((await harness.ask('run.list', {})).map(({ id, status }) => [id, status]));
    assert.deepEqual([first.id, second, third, fourth].map((id) => statuses.get(id)), ['cancelled', 'done', 'cancelled', 'done']);
    const started = harness.events.flatMap((event) => (event.name === 'run.changed' && event.payload.stage === 'training' ? [event.payload.id] : []));
    assert.deepEqual([...new Set(started)].slice(-2), [second, fourth]);
  });

  test('a run stands still and goes on', async () => {
    const { id } = await harness.ask('run.start', { taskId, config: LONG });
    await training(id);
    assert.deepEqual(await harness.ask('run.pause', { runId: id }), { paused: true });
    const { progress } = await harness.until(id, ({ status }) => status === 'paused', 'the pause');
    await new Promise((resolve) => setTimeout(resolve, 600));
    const still = (await harness.ask('run.show', { runId: id })).run;
    assert.deepEqual([still.status, still.progress?.step], ['paused', progress?.step]);
    assert.deepEqual(await harness.ask('run.continue', { runId: id }), { paused: false });
    await harness.until(id, (run) => run.status === 'running' && (run.progress?.step ?? 0) > (progress?.step ?? 0), 'going on');
    await harness.ask('run.stop', { runId: id, keepBest: false });
    const stopped = await ended(id);
    assert.deepEqual([stopped.status, stopped.canResume, stopped.failure, stopped.deltaId], ['cancelled', true, null, null]);
    const again = await harness.ask('run.resume', { runId: id });
    assert.equal(again.id, id);
    await training(id);
    const { epochs } = await harness.ask('run.show', { runId: id });
    assert.deepEqual(epochs.map(({ epoch }) => epoch), epochs.map((_, index) => index));
    const told = harness.events.flatMap((event) => (event.name === 'run.epoch' && event.payload.runId === id ? [event.payload.metrics.epoch] : []));
    assert.equal(new Set(told).size, told.length, 'no epoch is told twice, not even after going on');
    await harness.ask('run.stop', { runId: id, keepBest: true });
    const kept = await ended(id);
    assert.equal(kept.status, 'done');
    assert.ok(kept.deltaId !== null);
  });

  test('stop and keep the best: a result that can be looked at, far from its last epoch', async () => {
    const { id } = await harness.ask('run.start', { taskId, config: LONG });
    await harness.until(id, ({ progress }) => (progress?.epoch ?? 0) >= 1, 'the first epoch');
    await harness.ask('run.stop', { runId: id, keepBest: true });
    const { deltaId, status } = await ended(id);
    assert.equal(status, 'done');
    assert.ok(deltaId !== null);
    const view = await harness.ask('result.show', { deltaId });
    assert.ok((view.test?.images ?? 0) > 0);
    const run = (await harness.ask('task.show', { id: taskId })).runs.find((candidate) => candidate.id === id);
    assert.equal(run?.result?.endedEarly, true);
    assert.ok(run.epochsDone < 2000);
  });

  test('progress comes at most four times a second', async () => {
    const from = harness.events.length;
    const started = Date.now();
    const { id } = await harness.ask('run.start', { taskId, config: LONG });
    await harness.until(id, ({ progress }) => (progress?.epoch ?? 0) >= 20, 'some epochs');
    await harness.ask('run.stop', { runId: id, keepBest: false });
    await ended(id);
    const views = harness.events.slice(from).filter((event) => event.name === 'run.changed' && event.payload.id === id && event.payload.stage === 'training');
    const seconds = (Date.now() - started) / 1000;
    assert.ok(views.length >= 1 && views.length <= 4 * seconds + 4, `${String(views.length)} views in ${seconds.toFixed(1)} s`);
  });

  test('a killed trainer is a failure in words, and the next run starts', { skip: process.platform !== 'linux' && 'finding the trainer needs /proc' }, async () => {
    const { id } = await harness.ask('run.start', { taskId, config: LONG });
    const next = await harness.ask('run.start', { taskId, config: quickConfig({ seed: 9, epochs: 1 }) });
    await training(id);
    const pids = trainerPids();
    assert.equal(pids.length, 1);
    process.kill(pids[0] ?? 0, 'SIGKILL');
    const killed = await ended(id);
    assert.deepEqual([killed.status, killed.failure?.code, killed.canResume], ['interrupted', 'child-crashed', true]);
    assert.match(killed.failure?.message ?? '', /SIGKILL/);
    assert.equal((await ended(next.id)).status, 'done');
    assert.equal((await harness.ask('run.resume', { runId: id })).failure, null);
    await training(id);
    await harness.ask('run.stop', { runId: id, keepBest: false });
    await ended(id);
  });

  test('a run that cannot succeed says why, also after a restart', async () => {
    const { id } = await harness.ask('run.start', { taskId, config: quickConfig({ method: 'full-fine-tuning', learningRate: 100, epochs: 4 }) });
    const failed = await ended(id);
    assert.deepEqual([failed.status, failed.failure?.code], ['failed', 'non-finite']);
    await harness.studio.close();
    harness = await place.start();
    assert.deepEqual((await harness.ask('run.show', { runId: id })).run.failure, failed.failure);
  });
});

test('closing stops a run with a checkpoint; the next start offers to go on, and the waiting ones wait to be asked', async () => {
  const { id } = await harness.ask('run.start', { taskId, config: LONG });
  const waiting = await harness.ask('run.start', { taskId, config: quickConfig({ seed: 11, epochs: 1 }) });
  await harness.until(id, ({ progress }) => (progress?.epoch ?? 0) >= 1, 'the first epoch');
  await harness.studio.close();
  assert.deepEqual(trainerPids(), []);
  assert.equal((await harness.refusal('run.list', {})).code, 'cancelled');
  harness = await place.start();
  assert.equal((await harness.ask('app.state', {})).interruptedRuns, 2);
  const { run, epochs } = await harness.ask('run.show', { runId: id });
  assert.deepEqual([run.status, run.canResume, run.failure], ['interrupted', true, null]);
  assert.ok(epochs.length >= 1);
  assert.equal((await harness.ask('run.resume', { runId: waiting.id })).id, waiting.id);
  assert.equal((await ended(waiting.id)).status, 'done');
  await harness.ask('run.resume', { runId: id });
  await harness.until(id, ({ progress }) => (progress?.epoch ?? 0) >= epochs.length, 'going on where it stopped');
  await harness.ask('run.stop', { runId: id, keepBest: true });
  assert.equal((await ended(id)).status, 'done');
  assert.equal((await harness.ask('library.verify', { operationId: operation() })).ok, true);
});
