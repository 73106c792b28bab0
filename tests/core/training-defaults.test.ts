/** @file Which settings suit which network. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { defaultsForBase } from '../../src-main/contract/training-defaults.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';

function operatorsOf(fixture: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { op } of parseOnnx(readFileSync(new URL(`../fixtures/models/${fixture}.onnx`, import.meta.url))).nodes) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}

test('transformers and ConvNeXt learn with AdamW, networks with batch normalisation or none with SGD', () => {
  for (const name of ['vit', 'convnext']) assert.deepEqual(defaultsForBase(operatorsOf(name)), { optimizer: 'adamw', learningRate: 5e-4 }, name);
  for (const name of ['resnet', 'resnet-folded', 'densenet', 'mobilenet', 'efficientnet-folded']) assert.deepEqual(defaultsForBase(operatorsOf(name)), {}, name);
});
