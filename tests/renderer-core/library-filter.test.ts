/** @file Searching the library's bases, and long lists in blocks. Tasks are searched by the main side (tests/library/task-pages.test.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BaseCard } from '../../src-main/contract/studio/library.ts';
import { blocksOf, columnsIn } from '../../src-renderer/screens/library/blocks.ts';
import { chooseBases, matches } from '../../src-renderer/screens/library/filter.ts';

test('every word must occur somewhere; case and accents do not count', () => {
  assert.ok(matches('', 'anything'));
  assert.ok(matches('cafe NOIR', 'Le café', 'noir'));
  assert.ok(!matches('cafe blanc', 'Le café', 'noir'));
  assert.ok(matches('مرحبا 🦄', '🦄 مرحبا'));
});

test('bases are found by name, tag and note', () => {
  const base = (name: string, change: Partial<BaseCard> = {}): BaseCard => ({ id: name, name, tags: [], notes: '', parameters: 1, gatedLayers: 1, imageSize: 32, bytes: 1, tasks: 0, createdAt: 0, ...change });
  const bases = [base('vit', { notes: 'for Ada' }), base('resnet50', { tags: ['large'] })];
  const names = (query: string): string[] => chooseBases(bases, query).map(({ name }) => name);
  assert.deepEqual(names(''), ['resnet50', 'vit']);
  assert.deepEqual(names('ada'), ['vit']);
  assert.deepEqual(names('LARGE res'), ['resnet50']);
  assert.deepEqual(names('ada res'), []);
});

test('blocks cover a list without gap or overlap', () => {
  for (const total of [0, 1, 5, 6, 7, 10_000]) {
    const blocks = blocksOf(total, 6);
    assert.deepEqual(blocks.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, index) => from + index)), Array.from({ length: total }, (_, index) => index));
    assert.ok(blocks.every(({ from, to }) => to > from && to - from <= 6));
  }
});

test('columns as a grid has them', () => {
  assert.deepEqual([0, 272, 559, 560, 848].map((width) => columnsIn(width, 272, 16)), [1, 1, 1, 2, 3]);
});
