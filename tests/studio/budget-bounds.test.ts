/** @file Budgets before a run: what is measured is what the trainer holds, and what cannot be held is refused at once. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { quickConfig, StudioPlace, type StudioHarness } from './harness.ts';

/** Runs are short; machines that build and test at once are slow. */
const LONG_MS = 300_000;
const place = new StudioPlace();
let studio: StudioHarness;
let baseId = '';
let taskId = '';
let classNames: string[] = [];

before(async () => {
  studio = await place.start();
  ({ baseId, taskId } = await studio.taskFromSample('drawings'));
  ({ card: { classNames } } = await studio.ask('task.show', { id: taskId }));
});
after(() => place.remove());

test('the bounds are those of the trainer: a budget one byte below the least is refused with it, the report of a run names the same', { timeout: LONG_MS }, async () => {
  const bounds = await studio.ask('train.bounds', { baseId, classNames });
  const { fullCopyBytes } = await studio.ask('task.show', { id: taskId });
  assert.equal(bounds.fullCopyBytes, fullCopyBytes);
  assert.ok(bounds.leastBytes > 4 * classNames.length && bounds.leastBytes < 0.05 * fullCopyBytes && bounds.mostBytes > fullCopyBytes, JSON.stringify(bounds));
  const limit = Math.ceil(bounds.leastBytes) + 60_000;
  const run = await studio.ask('run.start', { taskId, config: quickConfig({ method: 'taps', epochs: 2, warmupEpochs: 0, learningRate: 0.02, budget: { kind: 'bytes', bytes: limit, bitsPerWeight: 32 } }) });
  const done = await studio.until(run.id, ({ status }) => status === 'done', 'the budget run');
  const detail = await studio.ask('task.show', { id: taskId });
  const report = detail.runs.find(({ id }) => id === done.id)?.result?.budget;
  assert.equal(report?.leastBytes, Math.ceil(bounds.leastBytes));
  assert.equal(report.mostBytes, Math.ceil(bounds.mostBytes));
  assert.ok((detail.deltas.find(({ runId }) => runId === done.id)?.bytes ?? Infinity) <= limit);
});

test('a budget that cannot be held is refused before it is queued, in bytes and as a share, with the smallest possible one', { timeout: LONG_MS }, async () => {
  const { leastBytes, fullCopyBytes } = await studio.ask('train.bounds', { baseId, classNames });
  const runs = (await studio.ask('run.list', {})).length;
  for (const budget of [{ kind: 'bytes', bytes: Math.ceil(leastBytes) - 1, bitsPerWeight: 32 }, { kind: 'share', share: (leastBytes - 2) / fullCopyBytes, bitsPerWeight: 32 }] as const) {
    const refusal = await studio.refusal('run.start', { taskId, config: quickConfig({ method: 'taps', budget }) });
    assert.equal(refusal.code, 'invalid-config');
    assert.match(refusal.advice, new RegExp(`at least ${String(leastBytes)} bytes`));
  }
  assert.equal((await studio.ask('run.list', {})).length, runs);
});

test('classes of one name and unknown bases are refused', { timeout: LONG_MS }, async () => {
  assert.equal((await studio.refusal('train.bounds', { baseId, classNames: ['a', 'a'] })).code, 'usage');
  assert.equal((await studio.refusal('train.bounds', { baseId: 'nothing', classNames: ['a'] })).code, 'not-found');
});

test('a path: its levels have their own figures in the run, in the comparison and as results; any of them can be adopted', { timeout: LONG_MS }, async () => {
  const lambdas = [0.05, 1, 20];
  const { id: runId } = await studio.ask('run.start', { taskId, config: quickConfig({ method: 'taps', epochs: 3, warmupEpochs: 0, learningRate: 0.05, path: { lambdas } }) });
  await studio.until(runId, ({ status }) => status === 'done', 'the path');
  const { levels } = await studio.ask('run.show', { runId });
  assert.deepEqual(levels?.map(({ lambda }) => lambda), lambdas);
  // Learnt from the strongest λ to the weakest.
  assert.ok(levels.every(({ from, to, deltaId }, index) => deltaId !== null && from < to && (index === levels.length - 1 || from === levels[index + 1]?.to)));
  const { points } = await studio.ask('compare.view', { taskIds: [taskId] });
  const { runs } = await studio.ask('task.show', { id: taskId });
  const measured = runs.find(({ id }) => id === runId)?.result?.levels ?? [];
  assert.equal(measured.length, lambdas.length);
  for (const { level, deltaId } of levels) {
    const point = points.find((candidate) => candidate.deltaId === deltaId);
    assert.equal(point?.pathLevel, level);
    assert.equal(point.validationAccuracy, measured[level]?.validation.accuracy);
    assert.equal(point.testAccuracy, measured[level]?.test.accuracy);
    const result = await studio.ask('result.show', { deltaId: deltaId ?? '' });
    assert.deepEqual(result.test, measured[level]?.test);
    assert.equal(result.delta.testAccuracy, measured[level]?.test.accuracy);
  }
  const other = levels.find(({ deltaId }) => !points.some((point) => point.deltaId === deltaId && point.isCurrent));
  assert.ok(other?.deltaId !== undefined && other.deltaId !== null);
  const card = await studio.ask('task.update', { id: taskId, currentDeltaId: other.deltaId });
  assert.equal(card.current?.id, other.deltaId);
});

test('what the draft of the wizard asks for comes back as it was', async () => {
  const config = quickConfig({ method: 'taps', path: { lambdas: [0.1, 1] }, budget: { kind: 'accuracy', points: 1, reference: 0.8 } });
  await studio.ask('draft.save', { step: 'tune', baseId, name: 'again', source: { kind: 'sample', id: 'emoji' }, seed: 0, validation: 0.15, test: 0.15, excluded: [], config });
  assert.deepEqual((await studio.ask('draft.get', {}))?.config, config);
});
