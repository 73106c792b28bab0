/** @file An export that is cancelled at any stage leaves no file, and the studio closes in the middle of one. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { operation, quickConfig, StudioPlace, type StudioHarness } from './harness.ts';

const place = new StudioPlace();
const exportsFolder = join(place.folder, 'home', 'exports');
let harness: StudioHarness;
let taskId = '';
before(async () => {
  harness = await place.start();
  ({ taskId } = await harness.taskFromSample());
  const { id } = await harness.ask('run.start', { taskId, config: quickConfig({ epochs: 1 }) });
  await harness.until(id, ({ status }) => status === 'done', 'the end');
});
after(() => place.remove());

const request = (operationId: string) => ({ taskId, deltaId: null, format: 'onnx' as const, folder: null, fileName: 'model.onnx', overwrite: false, operationId });
const left = (): string[] => (existsSync(exportsFolder) ? readdirSync(exportsFolder) : []);

/** Cancels as soon as the progress of the operation says the label. */
function cancelAt(operationId: string, label: string): void {
  const off = harness.studio.onEvent((event) => {
    if (event.name !== 'operation.progress' || event.payload.operationId !== operationId || !event.payload.label.startsWith(label)) return;
    off();
    void harness.studio.handle('operation.cancel', { operationId });
  });
}

for (const label of ['Decoding', 'Writing', 'Comparing']) {
  test(`cancelled while ${label.toLowerCase()}`, async () => {
    const operationId = operation();
    cancelAt(operationId, label);
    assert.equal((await harness.refusal('export.start', request(operationId))).code, 'cancelled');
    assert.deepEqual(left(), []);
    assert.deepEqual(await harness.ask('export.list', {}), []);
  });
}

test('closing ends an export that is under way, and the next start has its library whole', async () => {
  const exporting = harness.studio.handle('export.start', request(operation()));
  await harness.studio.close();
  assert.equal((await exporting).ok, false);
  assert.deepEqual(left(), []);
  harness = await place.start();
  assert.equal((await harness.ask('library.verify', { operationId: operation() })).ok, true);
  const { displayPath } = await harness.ask('export.start', request(operation()));
  assert.deepEqual(left(), ['model.onnx']);
  assert.ok(existsSync(displayPath));
});
