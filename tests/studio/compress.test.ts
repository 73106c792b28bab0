/** @file Making a result smaller from the window: a result of its own with figures of its own; progress, cancelling, refusals. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { operation, quickConfig, StudioPlace, type StudioHarness } from './harness.ts';

/** A short run on a machine that may be busy. */
const LONG_MS = 300_000;
const place = new StudioPlace();
let studio: StudioHarness;
let taskId = '';
let learnt = '';

before(
  async () => {
    studio = await place.start();
    ({ taskId } = await studio.taskFromSample('drawings'));
    const { id } = await studio.ask('run.start', { taskId, config: quickConfig({ method: 'norm-head', epochs: 1 }) });
    await studio.until(id, ({ status }) => status === 'done', 'the run');
    learnt = (await studio.ask('task.show', { id: taskId })).card.current?.id ?? '';
  },
  { timeout: LONG_MS },
);
after(() => place.remove());

test('the new result stands beside the old one, which stays in use; its figures are its own everywhere', { timeout: LONG_MS }, async () => {
  const operationId = operation();
  const made = await studio.ask('result.compress', { deltaId: learnt, encoding: 'float16', tolerance: 0.5, operationId });
  assert.ok(made.delta.bytes < made.bytesBefore);
  const detail = await studio.ask('task.show', { id: taskId });
  assert.equal(detail.card.current?.id, learnt);
  assert.deepEqual(detail.deltas.map(({ id, smaller }) => [id, smaller]), [[learnt, null], [made.delta.id, { encoding: 'float16', tolerance: 0.5 }]]);
  const { points } = await studio.ask('compare.view', { taskIds: [taskId] });
  const point = points.find(({ deltaId }) => deltaId === made.delta.id);
  assert.equal(point?.validationAccuracy, made.validationAfter);
  assert.equal(point.bytes, made.delta.bytes);
  const view = await studio.ask('result.show', { deltaId: made.delta.id });
  assert.equal(view.validation?.accuracy, made.validationAfter);
  assert.ok(studio.events.some(({ name, payload }) => name === 'operation.progress' && payload.operationId === operationId && payload.total > 0), 'tells how far it is');
});

test('cancelling leaves no result; wrong tolerances and unknown results are refused', { timeout: LONG_MS }, async () => {
  const before = (await studio.ask('task.show', { id: taskId })).deltas.length;
  const operationId = operation();
  const refused = studio.refusal('result.compress', { deltaId: learnt, encoding: 'auto', tolerance: 0.5, operationId });
  while (!(await studio.ask('operation.cancel', { operationId })).found) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal((await refused).code, 'cancelled');
  assert.equal((await studio.refusal('result.compress', { deltaId: learnt, encoding: 'auto', tolerance: 101, operationId: operation() })).code, 'invalid-config');
  assert.equal((await studio.refusal('result.compress', { deltaId: 'nothing', encoding: 'auto', tolerance: 1, operationId: operation() })).code, 'not-found');
  assert.equal((await studio.ask('task.show', { id: taskId })).deltas.length, before);
});
