/** @file A run whose result is made smaller when it has ended: a job that follows, is cancelled, outlives a closed and a killed program. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { RunView, SmallerView } from '../../src-main/contract/studio/runs.ts';
import { quickConfig, StudioPlace, trainerPids, type StudioHarness } from './harness.ts';

/** Some short runs on a machine that may be busy. */
const LONG_MS = 400_000;
const place = new StudioPlace();
let harness: StudioHarness;
let taskId = '';
before(async () => {
  harness = await place.start();
  ({ taskId } = await harness.taskFromSample());
});
after(() => place.remove());

const config = quickConfig({ method: 'norm-head', epochs: 1, encoding: 'float16', tolerance: 0.5 });
async function until(runId: string, wanted: SmallerView['state']): Promise<RunView> {
  for (;;) {
    const { run } = await harness.ask('run.show', { runId });
    if (run.smaller?.state === wanted) return run;
    assert.ok(run.smaller?.state !== 'failed' && run.status !== 'failed', JSON.stringify([run.failure, run.smaller]));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('the run is done, then its result is made smaller before the next run; both are stored, the smaller one is shown', { timeout: LONG_MS }, async () => {
  const run = await harness.ask('run.start', { taskId, config });
  const next = await harness.ask('run.start', { taskId, config: quickConfig({ seed: 2, epochs: 1 }) });
  assert.deepEqual([run.smaller?.state, next.smaller], ['later', null]);
  const done = await until(run.id, 'done');
  assert.ok(done.deltaId !== null && done.smaller !== null && done.smaller.made !== null);
  assert.ok(done.smaller.made.bytes < done.smaller.made.bytesBefore);
  assert.equal(done.status, 'done');
  const { deltas } = await harness.ask('task.show', { id: taskId });
  assert.deepEqual(deltas.slice(0, 2).map(({ id, smaller }) => [id, smaller?.encoding ?? null]), [[done.deltaId, null], [done.smaller.made.deltaId, 'float16']]);
  await harness.until(next.id, ({ status }) => status === 'done', 'the next run');
  const states = harness.events.flatMap((event) => (event.name === 'run.changed' && event.payload.id === run.id ? [event.payload.smaller?.state] : []));
  assert.ok(states.includes('going') && states.at(-1) === 'done', states.join());
  assert.equal((await harness.refusal('run.shrink', { runId: run.id })).code, 'usage');
  assert.equal((await harness.refusal('run.stopShrinking', { runId: next.id })).code, 'usage');
});

test('cancelled by a person it is said and can be done later; meanwhile the run cannot be removed', { timeout: LONG_MS }, async () => {
  const { id } = await harness.ask('run.start', { taskId, config: { ...config, seed: 3, encoding: 'auto' } });
  await until(id, 'going');
  assert.equal((await harness.refusal('removal.start', { kind: 'run', id })).code, 'usage');
  assert.equal((await harness.refusal('removal.start', { kind: 'task', id: taskId })).code, 'usage');
  await harness.ask('run.stopShrinking', { runId: id });
  const cancelled = await until(id, 'cancelled');
  assert.deepEqual([cancelled.status, cancelled.smaller?.failure?.code], ['done', 'cancelled']);
  await harness.ask('run.shrink', { runId: id });
  assert.notEqual((await until(id, 'done')).smaller?.made, null);
});

test('a program that ends in the middle leaves it open, with the result safe; asked for at the next start, it is done', { timeout: LONG_MS }, async () => {
  const { id } = await harness.ask('run.start', { taskId, config: { ...config, seed: 4, encoding: 'auto' } });
  await until(id, 'going');
  await harness.studio.close();
  assert.deepEqual(process.platform === 'linux' ? trainerPids() : [], []);
  harness = await place.start();
  const { run } = await harness.ask('run.show', { runId: id });
  assert.deepEqual([run.status, run.smaller?.state, run.smaller?.failure], ['done', 'open', null]);
  assert.equal(harness.studio.busy(), false, 'nothing begins by itself');
  await harness.ask('run.shrink', { runId: id });
  assert.notEqual((await until(id, 'done')).smaller?.made, null);
});

test('a killed child is a failure in words, and the result stays', { timeout: LONG_MS, skip: process.platform !== 'linux' && 'finding the child needs /proc' }, async () => {
  const { id } = await harness.ask('run.start', { taskId, config: { ...config, seed: 5, encoding: 'auto' } });
  await until(id, 'going');
  let [pid] = trainerPids();
  while (pid === undefined) [pid] = await new Promise<number[]>((resolve) => setTimeout(() => { resolve(trainerPids()); }, 10));
  process.kill(pid, 'SIGKILL');
  for (;;) {
    const { run } = await harness.ask('run.show', { runId: id });
    if (run.smaller?.state === 'failed') {
      assert.deepEqual([run.status, run.smaller.failure?.code], ['done', 'child-crashed']);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
