/** @file Two pieces of work at a time: only when the first is measured, only while memory allows, and what a failure ends. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { workOff } from '../../src-main/services/work-off.ts';

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** How many ran at once at most, and in which order they began. */
async function watched(parallel: number, size: number, count = 6): Promise<{ began: number[]; most: number }> {
  const began: number[] = [];
  let running = 0;
  let most = 0;
  await workOff([...Array(count).keys()], parallel, async (piece, measured) => {
    began.push(piece);
    most = Math.max(most, ++running);
    measured.largest = size;
    for (let round = 0; round < 15; round++) await soon();
    running--;
  });
  return { began, most };
}

describe('work off', () => {
  test('one at a time, in order', async () => {
    assert.deepEqual(await watched(1, 1, 3), { began: [0, 1, 2], most: 1 });
  });

  test('two at a time once the first is measured; each piece once', async () => {
    const { began, most } = await watched(2, 1);
    assert.deepEqual([...began].sort(), [0, 1, 2, 3, 4, 5]);
    assert.equal(most, 2);
  });

  test('what is too large for a second one runs alone', async () => {
    const { began, most } = await watched(2, Number.MAX_SAFE_INTEGER, 3);
    assert.deepEqual(began, [0, 1, 2]);
    assert.equal(most, 1);
  });

  test('a failure is thrown, and no further piece begins', async () => {
    const began: number[] = [];
    const work = workOff([0, 1, 2, 3], 1, (piece) => {
      began.push(piece);
      return piece === 1 ? Promise.reject(new Error('no')) : Promise.resolve();
    });
    await assert.rejects(work, /no/u);
    assert.deepEqual(began, [0, 1]);
  });

  test('nothing to do', async () => {
    await workOff([], 2, () => Promise.reject(new Error('never')), AbortSignal.abort());
  });
});
