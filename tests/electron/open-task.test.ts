/** @file A packed task that is double-clicked: the desktop starts the app with its address, and the task is there, with its base. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { prepareRuntime } from './runtime.ts';
import { makeHome, startStudio, untilRun } from './studio-app.ts';

const runtime = await prepareRuntime();
const skip = typeof runtime === 'string' ? runtime : false;
const MOST_MS = 240_000;

test('learnt and packed by one person, opened by another with an empty library; one that is cut off is refused in words', { skip, timeout: MOST_MS }, async () => {
  assert.ok(typeof runtime !== 'string');
  const [sender, receiver] = [makeHome(runtime), makeHome(runtime)];
  try {
    const first = await startStudio(runtime, sender);
    const base = await first.ask('base.importEmbedded', { operationId: 'test-import' });
    const found = await first.ask('images.inspect', { source: { kind: 'sample', id: 'emoji' }, baseId: base.id, seed: 0, validation: 0.15, test: 0.15, operationId: 'test-inspect' });
    const task = await first.ask('task.create', { name: 'Grüße 🙂', baseId: base.id, inspectionId: found.id, excluded: [], operationId: 'test-create' });
    const run = await first.ask('run.start', { taskId: task.id, config: trainConfigSchema.parse({ method: 'linear-probe', epochs: 1, threads: 1 }) });
    await untilRun(first, run.id, ({ status }) => status === 'done');
    const { displayPath } = await first.ask('task.pack', { id: task.id, folder: null });
    assert.match(displayPath, /Grüße 🙂\.taps$/u);
    await first.app.close();

    const second = await startStudio(runtime, receiver, [pathToFileURL(displayPath).href]);
    await second.page.getByRole('heading', { level: 1, name: 'Grüße 🙂' }).waitFor();
    const { tasks, bases } = await second.ask('library.overview', {});
    assert.deepEqual([tasks.map(({ name, images }) => [name, images]), bases.map(({ name }) => name)], [[['Grüße 🙂', 0]], [base.name]]);

    const cut = join(receiver.folder, 'cut.taps');
    writeFileSync(cut, readFileSync(displayPath).subarray(0, 2000));
    await second.app.evaluate(({ app }, path) => app.emit('open-file', { preventDefault: () => undefined }, path), cut);
    await second.page.getByRole('alert').filter({ hasText: 'cut.taps is not a packed task' }).waitFor();
    assert.equal((await second.ask('library.overview', {})).tasks.length, 1);
    await second.app.close();
  } finally {
    sender.remove();
    receiver.remove();
  }
});
