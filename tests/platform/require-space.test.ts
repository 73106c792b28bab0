/** @file Long work is refused before it starts where there is no room for it. */
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import { requireSpace } from '../../src-main/platform/require-space.ts';

test('room is asked for with a margin; the message has both numbers', () => {
  requireSpace(tmpdir(), 1e9, 'Training flowers', 1.3e9);
  requireSpace(tmpdir(), 1, 'Training flowers');
  assert.throws(
    () => requireSpace('/data', 1e9, 'Training flowers', 1e9),
    (error: unknown) => error instanceof TapsError && error.code === 'disk-full' && error.message === 'Training flowers needs about 1234 MB, and the disk of /data has 1000 MB free.',
  );
  assert.throws(() => requireSpace(tmpdir(), 1e18, 'Training flowers'), TapsError, 'no disk has that');
});
