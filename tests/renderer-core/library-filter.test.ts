/** @file Searching and sorting the library's cards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TaskCard } from '../../src-main/contract/studio/library.ts';
import { chooseTasks, matches } from '../../src-renderer/screens/library/filter.ts';

function task(name: string, change: Partial<TaskCard> = {}): TaskCard {
  return { id: name, name, tags: [], notes: '', baseId: 'b', baseName: 'resnet50', datasetId: 'd', classNames: ['daisy', 'rose'], images: 10, current: null, results: 0, lastRun: null, coverIndices: [], createdAt: 0, ...change };
}
const learnt = (testAccuracy: number | null, bytes: number): Pick<TaskCard, 'current'> => ({
  current: { id: 'x', method: 'taps', testAccuracy, layersOpen: 1, layersTotal: 2, bytes, shareOfFullCopy: 0.1, createdAt: 0 },
});
const names = (tasks: readonly TaskCard[]): string[] => tasks.map(({ name }) => name);

test('every word must occur somewhere; case and accents do not count', () => {
  assert.ok(matches('', 'anything'));
  assert.ok(matches('cafe NOIR', 'Le café', 'noir'));
  assert.ok(!matches('cafe blanc', 'Le café', 'noir'));
  assert.ok(matches('مرحبا 🦄', '🦄 مرحبا'));
});

test('tasks are found by name, class, tag, note and base', () => {
  const tasks = [task('flowers'), task('emoji', { classNames: ['cat'], tags: ['fun'] }), task('drawings', { classNames: ['cat'], notes: 'for Ada', baseName: 'vit' })];
  assert.deepEqual(names(chooseTasks(tasks, 'rose', 'name')), ['flowers']);
  assert.deepEqual(names(chooseTasks(tasks, 'cat fun', 'name')), ['emoji']);
  assert.deepEqual(names(chooseTasks(tasks, 'ada vit', 'name')), ['drawings']);
});

test('sorting: numbers in names by value; what has no figure comes last; ties by name', () => {
  const tasks = [task('b', learnt(0.9, 500)), task('a', learnt(0.9, 700)), task('task 10'), task('task 9', learnt(null, 10))];
  assert.deepEqual(names(chooseTasks(tasks, '', 'name')), ['a', 'b', 'task 9', 'task 10']);
  assert.deepEqual(names(chooseTasks(tasks, '', 'accuracy')), ['a', 'b', 'task 9', 'task 10']);
  assert.deepEqual(names(chooseTasks(tasks, '', 'bytes')), ['task 9', 'b', 'a', 'task 10']);
  assert.deepEqual(names(chooseTasks([task('old', { createdAt: 1 }), task('new', { createdAt: 2 })], '', 'newest')), ['new', 'old']);
});
