/** @file What a person reads when work goes on by itself after a failure. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { JointDisplay } from '../../src-main/cli/output/joint-display.ts';
import { Terminal } from '../../src-main/cli/output/terminal.ts';
import { recoveryLine, smallerBatchLine } from '../../src-main/cli/output/training-display.ts';

const message = 'Memory ran out.';

test('a run: with which micro-batches, and that the pictures stay the same', () => {
  assert.equal(recoveryLine({ reason: 'memory', batchSize: 8, accumulate: 4, message }), 'Memory ran out. Going on with 4 micro-batches of 8 per step, the same 32 pictures.');
  assert.equal(recoveryLine({ reason: 'device-lost', batchSize: 8, accumulate: 4, message: 'The GPU was lost.' }), 'The GPU was lost. Going on from the last checkpoint in a fresh process.');
});

test('a prediction or a compression: with how many pictures at once, and that the answers are the same', () => {
  assert.equal(smallerBatchLine({ batchSize: 16, message }), 'Memory ran out. Went on with 16 pictures at once; the answers are the same.');
  assert.equal(smallerBatchLine({ batchSize: 1, message }), 'Memory ran out. Went on with one picture at a time; the answers are the same.');
});

test('a joint run says it under its name, also where notes are not wanted', () => {
  const err = Object.assign(new PassThrough(), { isTTY: false, columns: 80 });
  const terminal = new Terminal({ json: false, quiet: true }, { out: new PassThrough(), err, env: {} });
  new JointDisplay(terminal, 'together', ['a', 'b'], 'exact', 3).event({ kind: 'recovery', recovery: { reason: 'memory', batchSize: 2, accumulate: 2, message } });
  assert.equal(String(err.read()), 'together: Memory ran out. Going on with 2 micro-batches of 2 per step, the same 4 pictures.\n');
});
