/** @file What each method changes of a base, and settings that do not fit one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import { elementCount } from '../../src-main/contract/tensors.ts';
import { trainConfigSchema, type MethodId, type TrainConfig } from '../../src-main/contract/training.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import type { BaseModel } from '../../src-main/graph/types.ts';
import { initialState, makePlan, type TrainPlan } from '../../src-main/training/steps/plan.ts';

const load = (path: string): BaseModel => analyseBase(parseOnnx(readFileSync(new URL(`../fixtures/${path}`, import.meta.url))));
const convnet = load('taps/record/convnet.onnx');
const vit = load('taps/record/vit.onnx');
const mobilenet = load('models/mobilenet.onnx');
const CLASSES = 4;

const plan = (base: BaseModel, method: MethodId, settings: Partial<TrainConfig> = {}): TrainPlan => makePlan(base, trainConfigSchema.parse({ method, ...settings }), CLASSES);
const adapted = (of: TrainPlan): string[] => of.adapted.map(({ parameter }) => parameter.name);
const names = (parameters: readonly { name: string }[]): string[] => parameters.map(({ name }) => name).sort();
const LAYERS = ['conv1.weight', 'layer1.conv1.weight', 'layer1.conv2.weight', 'layer2.conv1.weight', 'layer2.conv2.weight', 'layer2.downsample.0.weight'];
/** Float32 bytes of normalisation and head of the convolutional network. */
const FIXED = 4 * (4 * (8 + 8 + 8 + 16 + 16 + 16) + CLASSES * 17);
const SIZES = new Map(convnet.parameters.map(({ name, shape }) => [name, 4 * elementCount(shape)]));

function refused(run: () => unknown, message: RegExp, advice = /./): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof TapsError);
    assert.equal(error.code, 'invalid-config');
    assert.match(error.message, message);
    assert.match(error.advice, advice);
    return true;
  });
}

describe('what methods change', () => {
  test('bias + head: shifts and biases, with the running statistics', () => {
    const own = plan(convnet, 'bias-head');
    assert.deepEqual(names(own.trained), ['bn1', 'layer1.bn1', 'layer1.bn2', 'layer2.bn1', 'layer2.bn2', 'layer2.downsample.1'].map((norm) => `${norm}.bias`));
    assert.deepEqual([own.statistics.length, own.adapted.length, own.normalization], [0, 0, 'running']);
    const ofVit = names(plan(vit, 'bias-head').trained);
    assert.ok(ofVit.length > 0 && ofVit.every((name) => name.endsWith('bias')), ofVit.join());
    assert.ok(ofVit.includes('patch_embed.bias') && ofVit.includes('blocks.1.fc2.bias') && ofVit.includes('norm.bias'));
  });

  for (const method of ['fixed-layers', 'low-rank', 'modulator', 'piggyback'] as const) {
    test(`${method}: normalisation, biases and embeddings as in TAPS; named layers only`, () => {
      const own = plan(convnet, method, { layers: ['layer2.conv2.weight', 'conv1.weight'] });
      const taps = plan(convnet, 'taps');
      assert.deepEqual([names(own.trained), names(own.statistics), own.normalization], [names(taps.trained), names(taps.statistics), taps.normalization]);
      assert.deepEqual(adapted(own), ['conv1.weight', 'layer2.conv2.weight'], 'in forward order');
      assert.deepEqual(names(own.frozen), LAYERS.filter((name) => !adapted(own).includes(name)).sort());
      assert.deepEqual(names(plan(vit, method, { layers: ['patch_embed.weight'] }).trained), names(plan(vit, 'taps').trained));
    });
  }

  test('low rank: every layer, with its own full rank where that is less', () => {
    const own = plan(convnet, 'low-rank', { rank: 10 });
    assert.deepEqual(adapted(own).sort(), LAYERS);
    const ranks = Object.fromEntries(own.adapted.map(({ parameter, start }) => [parameter.name, start['left']?.shape[1]]));
    assert.deepEqual(ranks, { 'conv1.weight': 8, 'layer1.conv1.weight': 8, 'layer1.conv2.weight': 8, 'layer2.conv1.weight': 10, 'layer2.conv2.weight': 10, 'layer2.downsample.0.weight': 8 });
    // The start of a layer does not depend on which others take part.
    const alone = plan(convnet, 'low-rank', { rank: 10, layers: ['layer2.conv1.weight'] }).adapted[0];
    assert.deepEqual(alone?.start['right'], own.adapted.find(({ parameter }) => parameter.name === 'layer2.conv1.weight')?.start['right']);
    assert.notDeepEqual(plan(convnet, 'low-rank', { seed: 1 }).adapted[0]?.start['right'], plan(convnet, 'low-rank').adapted[0]?.start['right']);
  });

  test('modulators: convolutions larger than 1 × 1 that are worth it; none with groups', () => {
    assert.deepEqual(adapted(plan(convnet, 'modulator')).sort(), LAYERS.filter((name) => !name.includes('downsample')));
    assert.deepEqual(adapted(plan(convnet, 'modulator', { layers: ['layer2.downsample.0.weight'] })), ['layer2.downsample.0.weight'], 'a 1 × 1 layer by name');
    assert.deepEqual(adapted(plan(vit, 'modulator')), ['patch_embed.weight']);
    const ofMobile = plan(mobilenet, 'modulator').adapted.map(({ parameter: { shape } }) => shape);
    assert.ok(ofMobile.length > 0 && ofMobile.every(([rows = 0, channels = 0, height = 0, width = 0]) => channels > 1 && height * width > 1 && rows < channels * height * width));
  });

  test('fixed layers: the share counts normalisation and head, a limit in bytes goes first', () => {
    const bytesOf = (own: TrainPlan): number => adapted(own).reduce((sum, name) => sum + (SIZES.get(name) ?? 0), FIXED);
    const copy = LAYERS.reduce((sum, name) => sum + (SIZES.get(name) ?? 0), FIXED);
    for (const pattern of ['last', 'first', 'random'] as const) {
      for (const share of [0.3, 0.5, 0.9]) {
        const own = plan(convnet, 'fixed-layers', { pattern, patternShare: share });
        assert.ok(own.adapted.length > 0 && bytesOf(own) <= share * copy);
        const left = LAYERS.filter((name) => !adapted(own).includes(name));
        assert.ok(left.every((name) => bytesOf(own) + (SIZES.get(name) ?? 0) > share * copy));
      }
    }
    assert.equal(plan(convnet, 'fixed-layers', { patternShare: 1 }).adapted.length, 6);
    const exactly = FIXED + (SIZES.get('conv1.weight') ?? 0);
    assert.deepEqual(adapted(plan(convnet, 'fixed-layers', { pattern: 'first', patternBytes: exactly, patternShare: 1 })), ['conv1.weight']);
  });

  test('every start is the base: δ and B are 0, masks on, modulators the identity', () => {
    for (const method of ['fixed-layers', 'low-rank', 'modulator', 'piggyback'] as const) {
      const own = plan(convnet, method, { patternShare: 1 });
      const state = initialState(own);
      for (const { parameter, by, start } of own.adapted) {
        assert.deepEqual(state[`base/${parameter.name}`]?.shape, parameter.shape);
        const change = by.stored(start);
        if (change.kind === 'delta') assert.ok(change.delta.data.every((value) => value === 0));
        if (change.kind === 'low-rank') assert.ok(change.left.data.every((value) => value === 0));
        if (change.kind === 'modulator') change.matrix.data.forEach((value, index) => { assert.equal(value, index % ((change.matrix.shape[0] ?? 0) + 1) === 0 ? 1 : 0); });
        if (change.kind === 'mask') assert.equal(change.bits[0], 0xff);
      }
    }
  });
});

describe('settings that do not fit the base', () => {
  test('a rank larger than every layer', () => {
    refused(() => plan(convnet, 'low-rank', { rank: 17 }), /rank 17 .* at most 16/, /--rank/);
    refused(() => plan(convnet, 'low-rank', { rank: 9, layers: ['conv1.weight'] }), /rank 9 .* at most 8/);
  });

  test('limits that are too small or too large, with the numbers to choose by', () => {
    refused(() => plan(convnet, 'fixed-layers', { patternBytes: FIXED }), new RegExp(`No layer fits into ${String(FIXED)} bytes`), new RegExp(String(FIXED + 512)));
    refused(() => plan(convnet, 'fixed-layers', { patternShare: 1e-6 }), /No layer fits into 0 bytes/);
    refused(() => plan(convnet, 'fixed-layers', { patternBytes: 1_000_000 }), /limit is 1000000 bytes; a whole copy .* takes \d+/);
    for (const share of [0, -0.1, 1.01]) assert.equal(trainConfigSchema.safeParse({ method: 'fixed-layers', patternShare: share }).success, false);
    for (const bytes of [0, -1, 1.5]) assert.equal(trainConfigSchema.safeParse({ method: 'fixed-layers', patternBytes: bytes }).success, false);
  });

  test('unknown and repeated layers, an empty list', () => {
    for (const method of ['fixed-layers', 'low-rank', 'modulator', 'piggyback'] as const) {
      refused(() => plan(convnet, method, { layers: ['conv1.weight', 'layer9.weight'] }), /no layer "layer9\.weight"/, /conv1\.weight, layer1/);
      refused(() => plan(convnet, method, { layers: ['fc.weight'] }), /no layer "fc\.weight"/);
      refused(() => plan(convnet, method, { layers: ['conv1.weight', 'conv1.weight'] }), /named twice/);
    }
    assert.equal(trainConfigSchema.safeParse({ method: 'fixed-layers', layers: [] }).success, false);
  });

  test('modulators where there can be none', () => {
    refused(() => plan(vit, 'modulator', { layers: ['blocks.0.proj.weight'] }), /blocks\.0\.proj\.weight .* cannot have a modulator/);
    const depthwise = mobilenet.parameters.find(({ role, shape }) => role === 'gated' && shape.length === 4 && shape[1] === 1);
    assert.ok(depthwise);
    refused(() => plan(mobilenet, 'modulator', { layers: [depthwise.name] }), /cannot have a modulator/, /one group/);
  });

  test('masks that would start closed', () => {
    refused(() => plan(convnet, 'piggyback', { maskInit: 0.001 }), /0\.001, below their threshold 0\.005/);
  });
});
