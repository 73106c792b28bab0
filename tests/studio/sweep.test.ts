/** @file Sweeps from the window: stored first, one job of the queue, pausing, stopping, killed and gone on with, what they bring. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SweepView } from '../../src-main/contract/studio/sweeps.ts';
import { quickConfig, StudioPlace, trainerPids, type StudioHarness } from './harness.ts';

/** Some short runs on a machine that may be busy. */
const LONG_MS = 300_000;
const place = new StudioPlace();
let harness: StudioHarness;
let taskId = '';
before(async () => {
  harness = await place.start();
  ({ taskId } = await harness.taskFromSample());
});
after(() => place.remove());

async function until(sweepId: string, wanted: (sweep: SweepView) => boolean, what: string): Promise<SweepView> {
  for (;;) {
    const { sweep } = await harness.ask('sweep.show', { sweepId });
    if (wanted(sweep)) return sweep;
    assert.ok(sweep.state !== 'unfinished' && sweep.state !== 'done', `waiting for ${what}, the sweep became ${sweep.state}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
const isOver = ({ state }: SweepView): boolean => state === 'done' || state === 'unfinished';
/** The run that is going, as soon as it learns. */
async function going(sweepId: string): Promise<string> {
  for (;;) {
    const { now } = await until(sweepId, (sweep) => sweep.now.length > 0, 'a run');
    const [runId = ''] = now;
    const { run } = await harness.ask('run.show', { runId });
    if (run.progress !== null) return runId;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('seeds by λ: repeated ones are left out with a word, all is stored before it is learnt, means come with an interval', { timeout: LONG_MS }, async () => {
  const config = quickConfig({ method: 'taps', epochs: 2, warmupEpochs: 0 });
  const { sweep, notes } = await harness.ask('sweep.start', { taskIds: [taskId], config, lambdas: [0.1, 1, 0.1], seeds: [0, 1, 1] });
  assert.match(notes.join(' '), /1 repeated seed.*1 repeated setting/);
  assert.deepEqual([sweep.total, sweep.settings, sweep.seeds, sweep.state], [4, 2, [0, 1], 'running']);
  assert.equal(harness.studio.busy(), true);
  assert.deepEqual((await harness.ask('sweep.show', { sweepId: sweep.id })).runs.map(({ config: { lambda, seed } }) => [lambda, seed]), [[0.1, 0], [1, 0], [0.1, 1], [1, 1]]);
  assert.equal((await harness.refusal('removal.start', { kind: 'sweep', id: sweep.id })).code, 'usage');
  assert.equal((await harness.refusal('removal.start', { kind: 'task', id: taskId })).code, 'usage');
  const over = await until(sweep.id, isOver, 'the end');
  assert.deepEqual([over.state, over.done, over.failed], ['done', 4, 0]);
  const { rows, runs } = await harness.ask('sweep.show', { sweepId: sweep.id });
  assert.deepEqual(rows.map(({ seeds, test: { count }, config: { lambda } }) => [lambda, seeds, count]), [[0.1, [0, 1], 2], [1, [0, 1], 2]]);
  for (const { test: { halfWidth }, worstClass } of rows) assert.ok(halfWidth !== null && halfWidth >= 0 && worstClass !== null);
  const listed = (await harness.ask('run.list', {})).filter(({ sweepId }) => sweepId === sweep.id);
  assert.deepEqual(new Set(listed.map(({ id }) => id)), new Set(runs.map(({ runId }) => runId)));
  const { points } = await harness.ask('compare.view', { taskIds: [taskId] });
  assert.equal(points.length, 4);
  const { repeated } = await harness.ask('compare.view', { taskIds: [taskId] });
  assert.deepEqual(repeated.map(({ seeds, test }) => [seeds, test?.mean]), rows.map(({ seeds, test }) => [seeds, test.mean]));
  assert.deepEqual(repeated.map(({ worstClass }) => worstClass), rows.map(({ worstClass }) => worstClass));
  assert.equal((await harness.refusal('sweep.resume', { sweepId: sweep.id })).code, 'usage');
});

test('a sweep is one piece of the queue: it stands still, is stopped with a checkpoint, and goes on; what is done is not repeated', { timeout: LONG_MS }, async () => {
  const { sweep } = await harness.ask('sweep.start', { taskIds: [taskId], config: quickConfig({ epochs: 3000 }), lambdas: [], seeds: [5, 6] });
  const alone = await harness.ask('run.start', { taskId, config: quickConfig({ seed: 9, epochs: 1 }) });
  assert.deepEqual([alone.status, alone.position], ['queued', 0]);
  const first = await going(sweep.id);
  await harness.ask('sweep.pause', { sweepId: sweep.id });
  await harness.until(first, ({ status }) => status === 'paused', 'the pause');
  assert.equal((await harness.ask('sweep.show', { sweepId: sweep.id })).sweep.state, 'paused');
  await harness.ask('sweep.continue', { sweepId: sweep.id });
  await harness.until(first, ({ status }) => status === 'running', 'going on');
  // Finished early, this run is done and the next one begins.
  await harness.ask('run.stop', { runId: first, keepBest: true });
  await until(sweep.id, ({ done, now }) => done === 1 && now.length === 1 && now[0] !== first, 'the second run');
  const second = await going(sweep.id);
  assert.equal((await harness.refusal('run.resume', { runId: second })).code, 'usage');
  await harness.ask('sweep.stop', { sweepId: sweep.id });
  const stopped = await until(sweep.id, isOver, 'the stop');
  assert.deepEqual([stopped.state, stopped.done, stopped.failed, stopped.failure], ['unfinished', 1, 0, null]);
  await harness.until(alone.id, ({ status }) => status === 'done', 'the run behind it');
  assert.equal((await harness.ask('sweep.resume', { sweepId: sweep.id })).state, 'running');
  const again = await going(sweep.id);
  assert.equal(again, second, 'goes on with the run that was stopped');
  await harness.ask('run.stop', { runId: again, keepBest: true });
  assert.equal((await until(sweep.id, isOver, 'the end')).state, 'done');
});

test('a killed trainer fails its run, not the sweep; waiting sweeps move and leave; a sweep can be forgotten', { timeout: LONG_MS, skip: process.platform !== 'linux' && 'finding the trainer needs /proc' }, async () => {
  const { sweep } = await harness.ask('sweep.start', { taskIds: [taskId], config: quickConfig({ epochs: 3000 }), lambdas: [], seeds: [7, 8] });
  const waits = await harness.ask('sweep.start', { taskIds: [taskId], config: quickConfig({ epochs: 1 }), lambdas: [], seeds: [31, 32] });
  const alone = await harness.ask('run.start', { taskId, config: quickConfig({ seed: 33, epochs: 1 }) });
  assert.deepEqual([waits.sweep.state, waits.sweep.position, alone.position], ['waiting', 0, 1]);
  await harness.ask('run.move', { id: waits.sweep.id, position: 1 });
  assert.equal((await harness.ask('run.show', { runId: alone.id })).run.position, 0);
  assert.equal((await harness.ask('sweep.stop', { sweepId: waits.sweep.id })).state, 'unfinished');
  const killed = await going(sweep.id);
  process.kill(trainerPids()[0] ?? 0, 'SIGKILL');
  await until(sweep.id, ({ failed, now }) => failed === 1 && now.length === 1 && now[0] !== killed, 'the next run');
  assert.equal((await harness.ask('run.show', { runId: killed })).run.failure?.code, 'child-crashed');
  const next = await going(sweep.id);
  await harness.ask('run.stop', { runId: next, keepBest: true });
  assert.equal((await until(sweep.id, isOver, 'the end')).state, 'unfinished');
  await harness.until(alone.id, ({ status }) => status === 'done', 'the run behind it');
  await harness.ask('removal.start', { kind: 'sweep', id: sweep.id });
  assert.equal((await harness.ask('sweep.list', {})).some(({ id }) => id === sweep.id), false);
  assert.equal((await harness.refusal('sweep.show', { sweepId: sweep.id })).code, 'not-found');
});

test('what cannot be: seeds without a number, λ for a method without gates, too many runs, no pictures', async () => {
  const config = quickConfig();
  assert.equal((await harness.refusal('sweep.start', { taskIds: [taskId], config, lambdas: [], seeds: [] })).code, 'invalid-config');
  assert.equal((await harness.refusal('sweep.start', { taskIds: [taskId], config, lambdas: [1], seeds: [0] })).code, 'usage');
  const many = Array.from({ length: 100 }, (_value, index) => index);
  const refused = await harness.refusal('sweep.start', { taskIds: [taskId], config: quickConfig({ method: 'taps' }), lambdas: many, seeds: many });
  assert.match(refused.message, /10000 runs/);
  assert.equal((await harness.refusal('sweep.start', { taskIds: ['nothing'], config, lambdas: [], seeds: [0] })).code, 'not-found');
});

test('a killed program: the next one finds the sweep with what is done, and goes on from the checkpoint', { timeout: LONG_MS }, async () => {
  await harness.studio.close();
  const child = spawn(process.execPath, [fileURLToPath(new URL('sweep-to-kill.ts', import.meta.url)), place.folder, taskId], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  harness = await place.start();
  const found = (await harness.ask('sweep.list', {})).find(({ seeds }) => seeds[0] === 21);
  assert.ok(found !== undefined);
  assert.deepEqual([found.state, found.total, found.now], ['unfinished', 3, []]);
  const begun = (await harness.ask('sweep.show', { sweepId: found.id })).runs;
  assert.deepEqual(begun.map(({ status }) => status), ['done', 'interrupted', null]);
  await harness.ask('sweep.resume', { sweepId: found.id });
  const over = await until(found.id, isOver, 'the end');
  assert.deepEqual([over.state, over.done], ['done', 3]);
  const { runs } = await harness.ask('sweep.show', { sweepId: found.id });
  assert.equal(runs[1]?.runId, begun[1]?.runId);
});
