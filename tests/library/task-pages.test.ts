/** @file Lists of tasks: found, sorted and cut into pages as the window asks for them; sums over all; many of them by an index. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldText, orderKey, searchWords } from '../../src-main/core/search-words.ts';
import { encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { openLibrary, type Library } from '../../src-main/library/library.ts';
import type { TaskQuery } from '../../src-main/library/task-pages.ts';
import { sampleArtifact, sampleBase, sampleBaseId, sampleConfig, sampleManifest, temporaryFolder } from './sample-library.ts';

async function filled(folder: string): Promise<Library> {
  const library = openLibrary(folder, { create: true });
  const [tiny, other] = [await library.bases.add(sampleBase('tiny')), await library.bases.add(sampleBase('Größe 50', 1))];
  const dataset = library.datasets.add(sampleManifest());
  const add = (name: string, baseId: string, classNames: string[], notes = '', tags: string[] = []): string => {
    const { id } = library.tasks.add({ name, baseId, datasetId: dataset.id, classNames });
    library.tasks.update(id, { notes, tags });
    return id;
  };
  const flowers = add('flowers', tiny.id, ['cat', 'dog', 'emu']);
  add('Task 10', tiny.id, ['x', 'y'], 'for Ada', ['fun']);
  add('Task 9', other.id, ['straße', 'Café noir'], '', ['two words', '50%_"quoted"']);
  const learnt = add('animals', tiny.id, ['cat', 'dog', 'emu']);
  await library.deltas.commit({ taskId: flowers, runId: null, artifact: sampleFile(1), testAccuracy: 0.75 });
  await library.deltas.commit({ taskId: learnt, runId: null, artifact: sampleFile(2), testAccuracy: null });
  return library;
}

/** A file of its own per seed. */
function sampleFile(seed: number): Uint8Array {
  return encodeTaskFile(sampleArtifact({ seed, baseId: sampleBaseId() }));
}

const names = (library: Library, query: TaskQuery): string[] => library.tasks.page(query).tasks.map(({ name }) => name);

test('case and accents do not count, numbers count by value', () => {
  assert.equal(foldText('Ärger ÉTÉ'), 'arger ete');
  assert.deepEqual(searchWords('  Café\tNOIR '), ['cafe', 'noir']);
  assert.deepEqual(['task 10', 'Task 9', 'task', 'Aal 2'].sort((a, b) => (orderKey(a) < orderKey(b) ? -1 : 1)), ['Aal 2', 'task', 'Task 9', 'task 10']);
});

test('tasks are found by any word in name, class, tag, note or base, also by short and awkward ones', async (t) => {
  using library = await filled(temporaryFolder(t));
  const found: [string, string[]][] = [
    ['', ['animals', 'flowers', 'Task 9', 'Task 10']],
    ['emu', ['animals', 'flowers']],
    ['EMU flow', ['flowers']],
    ['cafe', ['Task 9']],
    ['ada fun', ['Task 10']],
    ['große', ['Task 9']],
    ['grosse', []],
    ['50', ['Task 9']],
    ['tiny', ['animals', 'flowers', 'Task 10']],
    ['tiny 1', ['Task 10']],
    ['x', ['Task 10']],
    ['%_', ['Task 9']],
    ['"quoted"', ['Task 9']],
    ['""', []],
    ['* OR flowers', []],
    ['search:flowers', []],
    ["'; DROP TABLE tasks; --", []],
    ['\u0000', []],
  ];
  for (const [text, expected] of found) assert.deepEqual(names(library, { text }), expected, JSON.stringify(text));
});

test('what changes about a task is found at once, and what is removed is not', async (t) => {
  using library = await filled(temporaryFolder(t));
  library.tasks.update('flowers', { name: 'Blumen', notes: 'from the garden' });
  assert.deepEqual(names(library, { text: 'flowers' }), []);
  assert.deepEqual(names(library, { text: 'blumen garden' }), ['Blumen']);
  assert.deepEqual(names(library, { sort: 'name' }), ['animals', 'Blumen', 'Task 9', 'Task 10']);
  await library.tasks.remove('Blumen');
  assert.deepEqual(names(library, { text: 'garden' }), []);
  assert.equal((await library.verify()).ok, true);
  library.bases.update('tiny', { name: 'renamed' });
  assert.deepEqual(names(library, { text: 'renamed animals' }), ['animals']);
});

test('every order, with those without the figure last; pages fit together', async (t) => {
  using library = await filled(temporaryFolder(t));
  assert.deepEqual(names(library, { sort: 'accuracy' }), ['flowers', 'animals', 'Task 9', 'Task 10']);
  assert.deepEqual(names(library, { sort: 'bytes' }).slice(2), ['Task 9', 'Task 10']);
  assert.equal(names(library, { sort: 'newest' }).length, 4);
  for (const sort of ['newest', 'name', 'accuracy', 'bytes'] as const) {
    const all = names(library, { sort });
    const pages = [0, 1, 2, 3].map((offset) => library.tasks.page({ sort, offset, limit: 1 }));
    assert.deepEqual(pages.flatMap(({ tasks }) => tasks.map(({ name }) => name)), all, sort);
    assert.deepEqual(pages.map(({ total }) => total), [4, 4, 4, 4]);
  }
  assert.deepEqual(names(library, { offset: 10 }), []);
  assert.deepEqual(names(library, { baseId: sampleBaseId() }), ['animals', 'flowers', 'Task 10']);
});

test('a summary says what the records say, and hidden ones do not count', async (t) => {
  using library = await filled(temporaryFolder(t));
  const task = library.tasks.get('flowers');
  const [delta] = library.deltas.list(task.id);
  assert.ok(delta);
  const run = library.runs.create(task.id, sampleConfig('norm-head'));
  const [summary] = library.tasks.summaries([task.id]);
  assert.ok(summary);
  const { baseName, current, results, newestRun, images, coverIndices, ...record } = summary;
  assert.deepEqual(record, task);
  assert.equal(baseName, 'tiny');
  assert.deepEqual(current, { id: delta.id, method: delta.method, testAccuracy: 0.75, layersOpen: delta.layersOpen, layersTotal: delta.layersTotal, createdAt: delta.createdAt, bytes: delta.blob.bytes });
  assert.deepEqual([results, images, coverIndices], [1, 1, [0]]);
  assert.deepEqual(newestRun, { id: run.id, status: 'queued', method: 'norm-head' });
  const hidden = { tasks: [task.id], runs: [run.id] };
  assert.deepEqual(library.tasks.summaries([task.id], hidden)[0]?.newestRun, null);
  assert.deepEqual(names(library, { hidden }), ['animals', 'Task 9', 'Task 10']);
  assert.deepEqual(library.tasks.recent(2).map(({ name }) => name)[0], 'flowers', 'a run has just started');
  assert.ok(!library.tasks.recent(9, hidden).some(({ id }) => id === task.id));
  const totals = library.tasks.totals();
  const tiny = totals.find(({ baseId }) => baseId === sampleBaseId());
  assert.deepEqual([tiny?.tasks, tiny?.learnt, tiny?.classes], [3, 2, 6]);
  assert.equal(tiny?.bytes, library.tasks.page().tasks.reduce((sum, each) => sum + (each.current?.bytes ?? 0), 0));
  assert.equal(library.tasks.totals(hidden).find(({ baseId }) => baseId === sampleBaseId())?.learnt, 1);
  assert.equal(library.tasks.count(), 4);
});
