/** @file Several tasks of one base, asked at once: which part they share, and that each answers as it does alone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { TaskPairShare } from '../../src-main/contract/sharing.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { usersOfNodes } from '../../src-main/graph/merge/sharing.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import type { BaseModel } from '../../src-main/graph/types.ts';
import { createPredictor } from '../../src-main/training/predictor.ts';
import { createSharedPredictor } from '../../src-main/training/shared-predictor.ts';
import { shareNetwork, sharingOf } from '../../src-main/operators/shared-network.ts';
import { changedTask, gatedLayers } from '../helpers/changed-task.ts';

const SIZE = 32;
const BATCH = 2;
const images = Float32Array.from({ length: BATCH * 3 * SIZE * SIZE }, (_, index) => Math.sin(index * 0.37));
const baseOf = (name: string): BaseModel => analyseBase(parseOnnx(readFileSync(new URL(`../fixtures/models/${name}.onnx`, import.meta.url))));

function tasksOn(base: BaseModel): { name: string; artifact: ReturnType<typeof changedTask> }[] {
  return [
    { name: 'early', artifact: changedTask(base, { seed: 1, layers: [0] }) },
    { name: 'late', artifact: changedTask(base, { seed: 2, layers: [Math.floor(gatedLayers(base).length / 2)], classes: 5 }) },
    { name: 'latest', artifact: changedTask(base, { seed: 3, layers: [-1] }) },
    { name: 'head', artifact: changedTask(base, { seed: 4 }) },
  ];
}

describe('every family', () => {
  for (const family of ['resnet', 'densenet', 'vit', 'mobilenet', 'convnext']) {
    test(family, async () => {
      const base = baseOf(family);
      const tasks = tasksOn(base);
      const engine = await createEngine('onnxruntime', { threads: 1 });
      for (const weights of ['constants', 'fed'] as const) {
        const shared = await createSharedPredictor({ engine, base, tasks, batchSize: BATCH, weights });
        const together = await shared.logits(images);
        for (const [index, { name, artifact }] of tasks.entries()) {
          const alone = await createPredictor({ engine, base, artifact, batchSize: BATCH });
          const expected = await alone.logits(images);
          const scale = Math.max(1, ...expected.map(Math.abs));
          const worst = Math.max(...expected.map((value, place) => Math.abs(value - (together[index]?.[place] ?? Number.NaN))));
          // Exact where the runtime computes alike; what it fuses in one of the two only is another order of summation.
          assert.ok(worst <= 1e-6 * scale, `${weights}, ${name}: ${String(worst)} of ${String(scale)}`);
          alone.dispose();
        }
        shared.dispose();
      }
      const { pairs, passes } = sharingOf(shareNetwork(base, tasks), tasks.map(({ name }) => name), SIZE);
      const share = (a: string, b: string): number => pairs.find(({ tasks: [one, two] }) => one === a && two === b)?.share ?? Number.NaN;
      assert.equal(pairs.length, 6);
      assert.equal(share('early', 'late'), 0, 'a change of the first layer leaves nothing in common');
      assert.ok(share('late', 'latest') > 0.1, `${String(share('late', 'latest'))} of a pass is below the middle layer`);
      assert.ok(share('latest', 'head') > share('late', 'head'), 'two of three agree for longer');
      assert.ok(share('latest', 'head') < 1);
      const names = new Set(base.parameters.map(({ name }) => name));
      for (const { differFrom } of pairs) assert.ok(names.has(differFrom ?? ''), String(differFrom));
      assert.ok(passes >= 2 - 1e-9 && passes < 2 + (1 - share('late', 'latest')) + (1 - share('latest', 'head')) + 1e-9, `${String(passes)} passes`);
      engine.dispose();
    });
  }
});

test('a normalisation of its own shares what is below it and nothing above', () => {
  const base = baseOf('resnet');
  const statistics = base.parameters.filter(({ role }) => role === 'norm-statistic').sort((a, b) => a.nodeIndex - b.nodeIndex);
  const [first, last] = [statistics[0], statistics.at(-1)];
  assert.ok(first && last);
  const names = ['plain', 'own'];
  const pairWith = (own: string): TaskPairShare | undefined => {
    const tasks = [{ name: 'plain', artifact: changedTask(base, { seed: 1 }) }, { name: 'own', artifact: changedTask(base, { seed: 2, own: [own] }) }];
    return sharingOf(shareNetwork(base, tasks), names, SIZE).pairs[0];
  };
  const shareWith = (own: string): number => pairWith(own)?.share ?? Number.NaN;
  const { graph } = shareNetwork(base, [{ name: 'plain', artifact: changedTask(base, { seed: 1 }) }, { name: 'own', artifact: changedTask(base, { seed: 2, own: [first.name] }) }]);
  const users = usersOfNodes(graph);
  const convolutions = graph.nodes.filter(({ op }) => op === 'Conv');
  const common = convolutions.filter(({ name }) => users.get(name)?.length === 2);
  assert.equal(common.length, 1, 'only the convolution before the first normalisation');
  assert.equal(convolutions.length, 2 * gatedLayers(base).length - 1);
  assert.ok(shareWith(first.name) < shareWith(last.name));
  const normalisation = base.graph.nodes.find(({ inputs }) => inputs.includes(first.name));
  assert.equal(pairWith(first.name)?.differFrom, normalisation?.inputs[1], 'the place where they part has a name');
});

test('an unchanged value under its own name is the same weight', () => {
  const base = baseOf('resnet');
  const [norm] = base.parameters.filter(({ role }) => role === 'norm-affine');
  assert.ok(norm);
  const value = base.graph.initializers.get(norm.name);
  assert.ok(value?.data instanceof Float32Array);
  const plain = changedTask(base, { seed: 1 });
  const same = { ...changedTask(base, { seed: 1 }), replaced: new Map([[norm.name, { shape: value.shape, data: value.data.slice() }]]) };
  const { pairs, passes } = sharingOf(shareNetwork(base, [{ name: 'a', artifact: plain }, { name: 'b', artifact: same }]), ['a', 'b'], SIZE);
  assert.equal(pairs[0]?.share, 1);
  assert.equal(pairs[0].differFrom, null);
  assert.equal(passes, 1);
});

test('what does not go together is refused', () => {
  const base = baseOf('resnet');
  const one = { name: 'one', artifact: changedTask(base, { seed: 1 }) };
  assert.throws(() => shareNetwork(base, []), /No task was named/);
  assert.throws(() => shareNetwork(base, [one, one]), /"one" is named twice/);
});
