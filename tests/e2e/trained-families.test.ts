/** @file TAPS on a trained DenseNet and a trained vision transformer: layers open and close, the result folds into a model that answers alike. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { DRAWINGS, ROOT, taps, temporaryFolder } from './run-taps.ts';

const TRAINED = join(ROOT, 'tests', 'fixtures', 'trained');
const CHANCE = 1 / 8;

interface Learnt {
  delta: { layersOpen: number; layersTotal: number; blob: { bytes: number }; testAccuracy: number };
  result: { epochs: { openLayers: number }[] };
}

const NETWORKS = [
  { name: 'densenet-cifar', penalty: '0.3', settings: ['--lr', '0.05', '--epochs', '6', '--warmup', '1'] },
  // Adam moves scores by about their rate, whatever the gradient's size: it decides how many layers close.
  { name: 'vit-cifar', penalty: '0.2', settings: ['--lr', '0.002', '--score-lr', '0.001', '--epochs', '14', '--warmup', '2', '--head-start'] },
] as const;

for (const { name, penalty, settings } of NETWORKS) {
  test(name, async (t) => {
    const at = ['--library', join(temporaryFolder(t), 'library')];
    const imported = await taps('base', 'import', join(TRAINED, `${name}.onnx`), '--name', name, ...at);
    assert.equal(imported.code, 0, imported.err);
    assert.equal((await taps('task', 'add', 'drawings', '--base', name, '--images', DRAWINGS, ...at)).code, 0);
    const learn = async (...how: string[]): Promise<Learnt> => {
      const learnt = await taps('train', 'drawings', ...how, ...settings, '--batch', '16', '--threads', '1', '--json', ...at);
      assert.equal(learnt.code, 0, learnt.err);
      return learnt.json as Learnt;
    };
    const { delta, result } = await learn('--lambda', penalty);
    assert.equal(result.epochs[0]?.openLayers, delta.layersTotal, 'before the penalty every layer is open');
    assert.ok(delta.layersOpen > 0 && delta.layersOpen < delta.layersTotal, `${String(delta.layersOpen)} of ${String(delta.layersTotal)} layers are open`);
    assert.ok(delta.testAccuracy > 2 * CHANCE, String(delta.testAccuracy));
    const out = join(temporaryFolder(t), 'merged.onnx');
    const exported = await taps('export', 'drawings', '--format', 'onnx', '--out', out, '--json', ...at);
    assert.equal(exported.code, 0, exported.err);
    const { parity } = exported.json as { parity: { maxAbsLogitDiff: number; top1Agreement: number } };
    assert.ok(parity.maxAbsLogitDiff <= 1e-4 && parity.top1Agreement === 1, JSON.stringify(parity));
    const closed = await learn('--lambda', '10');
    assert.equal(closed.delta.layersOpen, 0, 'a strong penalty closes all of them');
    assert.ok(closed.delta.blob.bytes < delta.blob.bytes);
  });
}
