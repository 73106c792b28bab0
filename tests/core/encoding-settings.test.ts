/** @file Settings for smaller forms leave configurations of earlier runs as they are, so that those can be resumed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENCODINGS } from '../../src-main/contract/compression.ts';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { trainConfigOf } from '../../src-main/cli/options/train-options.ts';

test('a configuration that asks for no smaller form has no word of it', () => {
  const config = trainConfigSchema.parse({ method: 'taps' });
  assert.ok(!('encoding' in config) && !('tolerance' in config));
  assert.equal(JSON.stringify(trainConfigSchema.parse(JSON.parse(JSON.stringify(config)))), JSON.stringify(config));
});

test('every form and tolerances from 0 to 100 are possible, others are not', () => {
  for (const encoding of ENCODINGS) assert.equal(trainConfigOf('taps', { encoding, tolerance: 0 }).encoding, encoding);
  assert.equal(trainConfigOf('taps', { encoding: 'auto', tolerance: 100 }).tolerance, 100);
  for (const wrong of [{ encoding: 'int5' }, { tolerance: -0.1 }, { tolerance: 101 }]) assert.throws(() => trainConfigOf('taps', wrong), /is not possible/);
});
