/** @file The switch for fast settings: taken, given back, and recognised whatever else was changed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METHODS, trainConfigSchema } from '../../src-main/contract/training.ts';
import { isFast, setFast } from '../../src-renderer/screens/tune/fast.ts';

test('fast settings are taken and given back for every method, and nothing else changes', () => {
  for (const method of METHODS) {
    const published = trainConfigSchema.parse({ method, lambda: 3, batchSize: 8, seed: 4 });
    const config = { ...published };
    assert.equal(isFast(config), false);
    setFast(config, true);
    assert.equal(isFast(config), true);
    assert.ok(config.epochs * 3 <= published.epochs, 'a third of the passes');
    assert.ok(config.warmupEpochs < config.epochs);
    assert.ok(trainConfigSchema.safeParse(config).success);
    const { headStart, trunkShare, epochs, warmupEpochs, ...others } = config;
    assert.deepEqual({ ...published, headStart, trunkShare, epochs, warmupEpochs }, { ...others, headStart, trunkShare, epochs, warmupEpochs });
    setFast(config, false);
    assert.deepEqual(config, published);
  }
});

test('other epochs keep a run fast, a trunk or a fitted head alone do not make it so', () => {
  const config = trainConfigSchema.parse({ method: 'taps' });
  setFast(config, true);
  config.epochs = 4;
  assert.equal(isFast(config), true);
  assert.equal(isFast({ ...config, trunkShare: 0 }), false);
  assert.equal(isFast({ ...config, headStart: false }), false);
});
