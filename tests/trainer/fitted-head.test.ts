/** @file The penalty of a head start: strong where a weak one would fit a few pictures by heart, weak where there are many. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scoreLogits } from '../../src-main/core/metrics.ts';
import { RandomStream } from '../../src-main/core/random.ts';
import { softmaxRegression, type SoftmaxRegression } from '../../src-main/core/softmax-regression.ts';
import { fittedHead } from '../../src-main/trainer/head-start.ts';

const CLASSES = 3;

/** Clouds, one per class, in the first CLASSES of `width` features; the others say nothing, and a third of the labels are of any class. */
function clouds(rows: number, width: number, stream: RandomStream): { features: Float32Array; labels: number[] } {
  const any = (): number => Math.floor(stream.uniform() * CLASSES);
  const places = Array.from({ length: rows }, any);
  const features = Float32Array.from({ length: rows * width }, (_, index) => (index % width === places[Math.floor(index / width)] ? 6 : 0) + 2 * (stream.uniform() + stream.uniform() - 1));
  return { features, labels: places.map((place) => (stream.uniform() < 1 / 3 ? any() : place)) };
}

function lossOf({ weight, bias }: SoftmaxRegression, { features, labels }: ReturnType<typeof clouds>): number {
  const width = weight.length / CLASSES;
  const logits = Float32Array.from({ length: labels.length * CLASSES }, (_, index) => {
    const [row, label] = [Math.floor(index / CLASSES), index % CLASSES];
    return Array.from({ length: width }, (__, column) => (weight[label * width + column] ?? 0) * (features[row * width + column] ?? 0)).reduce((a, b) => a + b, bias[label] ?? 0);
  });
  return scoreLogits(logits, labels, CLASSES).loss;
}

test('more features than pictures: it predicts pictures it has not seen far better than a head that fits its own by heart', () => {
  const stream = new RandomStream(3, 'pattern');
  const [seen, unseen] = [clouds(160, 400, stream), clouds(400, 400, stream)];
  const weak = softmaxRegression(seen.features, seen.labels, CLASSES, { penalty: 0.03, iterations: 300 });
  const chosen = fittedHead(seen.features, seen.labels, CLASSES);
  assert.ok(lossOf(weak, seen) < 0.2, 'the weak one fits by heart');
  assert.ok(lossOf(chosen, unseen) < 0.9 * lossOf(weak, unseen), `${String(lossOf(chosen, unseen))} and ${String(lossOf(weak, unseen))}`);
  assert.ok(lossOf(chosen, unseen) < Math.log(CLASSES), 'better than knowing nothing');
});

test('many pictures: as good as the best penalty', () => {
  const stream = new RandomStream(4, 'pattern');
  const [seen, unseen] = [clouds(900, 6, stream), clouds(900, 6, stream)];
  const best = softmaxRegression(seen.features, seen.labels, CLASSES, { penalty: 0.03, iterations: 300 });
  assert.ok(lossOf(fittedHead(seen.features, seen.labels, CLASSES), unseen) < lossOf(best, unseen) + 0.01);
});

test('a single picture of each class, and pictures that are all the same, give a head of finite numbers', () => {
  for (const features of [Float32Array.from({ length: 3 * 8 }, (_, index) => index % 5), new Float32Array(3 * 8).fill(2)]) {
    const { weight, bias } = fittedHead(features, [0, 1, 2], CLASSES);
    assert.ok([...weight, ...bias].every(Number.isFinite));
  }
});
