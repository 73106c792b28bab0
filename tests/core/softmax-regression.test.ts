/** @file Multinomial logistic regression: finds the minimum, whatever the features' scale. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RandomStream } from '../../src-main/core/random.ts';
import { softmaxRegression, type SoftmaxRegression } from '../../src-main/core/softmax-regression.ts';

const ROWS = 90;
const WIDTH = 5;
const CLASSES = 3;
const stream = new RandomStream(7, 'head');
const labels = Array.from({ length: ROWS }, (_, row) => row % CLASSES);
/** Three overlapping clouds. */
const features = Float32Array.from({ length: ROWS * WIDTH }, (_, index) => {
  const label = Math.floor(index / WIDTH) % CLASSES;
  return (index % WIDTH === label ? 1.2 : 0) + 2 * (stream.uniform() + stream.uniform() - 1);
});

function logits({ weight, bias }: SoftmaxRegression, row: number, of = features): number[] {
  return Array.from({ length: CLASSES }, (_, label) => Array.from({ length: WIDTH }, (_, column) => (weight[label * WIDTH + column] ?? 0) * (of[row * WIDTH + column] ?? 0)).reduce((a, b) => a + b, bias[label] ?? 0));
}

/** The objective by its definition, in the features' own units. */
function objective(model: SoftmaxRegression, penalty: number): number {
  const mean = Array.from({ length: WIDTH }, (_, column) => labels.reduce((sum, _label, row) => sum + (features[row * WIDTH + column] ?? 0), 0) / ROWS);
  const scale = Math.sqrt(features.reduce((sum, value, index) => sum + (value - (mean[index % WIDTH] ?? 0)) ** 2, 0) / features.length);
  const loss = labels.reduce((sum, label, row) => {
    const z = logits(model, row);
    return sum + Math.log(z.reduce((all, value) => all + Math.exp(value), 0)) - (z[label] ?? 0);
  }, 0);
  return loss / ROWS + (penalty / 2) * model.weight.reduce((sum, value) => sum + (value * scale) ** 2, 0);
}

test('what it finds is a minimum: no small step in any direction is better', () => {
  const penalty = 0.05;
  const model = softmaxRegression(features, labels, CLASSES, { penalty, iterations: 2000 });
  const least = objective(model, penalty);
  for (const part of ['weight', 'bias'] as const) {
    model[part].forEach((value, index) => {
      for (const step of [-0.02, 0.02]) {
        const moved = { weight: model.weight.slice(), bias: model.bias.slice() };
        moved[part][index] = value + step;
        assert.ok(objective(moved, penalty) >= least - 1e-7, `${part} ${String(index)}`);
      }
    });
  }
});

test('a hundred steps are near it, and better than no weights', () => {
  const near = objective(softmaxRegression(features, labels, CLASSES, { penalty: 0.05, iterations: 100 }), 0.05);
  const least = objective(softmaxRegression(features, labels, CLASSES, { penalty: 0.05, iterations: 2000 }), 0.05);
  assert.ok(near - least < 1e-3, `${String(near)} and ${String(least)}`);
  assert.ok(least < Math.log(CLASSES));
});

test('shifted and scaled features get the same logits', () => {
  const moved = features.map((value, index) => 40 * value + 7 * (index % WIDTH));
  const options = { penalty: 0.05, iterations: 300 };
  const [plain, other] = [softmaxRegression(features, labels, CLASSES, options), softmaxRegression(moved, labels, CLASSES, options)];
  for (let row = 0; row < ROWS; row++) {
    const expected = logits(plain, row);
    logits(other, row, moved).forEach((value, label) => {
      assert.ok(Math.abs(value - (expected[label] ?? 0)) < 1e-3, `${String(value)} and ${String(expected[label])}`);
    });
  }
});

test('features that are all the same leave the classes’ frequencies', () => {
  const model = softmaxRegression(new Float32Array(ROWS * WIDTH).fill(3), labels.map((label) => (label === 2 ? 0 : label)), CLASSES, { penalty: 0.05, iterations: 2000 });
  const z = logits(model, 0, new Float32Array(ROWS * WIDTH).fill(3)).map(Math.exp);
  const sum = z.reduce((a, b) => a + b, 0);
  assert.ok(Math.abs((z[0] ?? 0) / sum - 2 / 3) < 0.01 && Math.abs((z[1] ?? 0) / sum - 1 / 3) < 0.01);
});
