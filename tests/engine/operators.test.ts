/** @file Every operator's output and gradients against PyTorch (tests/fixtures/ops), on every engine that works here. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { HostTensor } from '../../src-main/contract/tensors.ts';
import { createEngine, describeEngines } from '../../src-main/engine/index.ts';
import { tf, type Tensor } from '../../src-main/engine/tfjs.ts';
import type { Engine, StepSpec } from '../../src-main/engine/types.ts';
import { canonicalise } from '../../src-main/graph/canonical/canonicalise.ts';
import { SUPPORTED_OPERATORS } from '../../src-main/graph/operators.ts';
import type { AttributeValue, Graph } from '../../src-main/graph/types.ts';
import { runGraph } from '../../src-main/operators/run-graph.ts';

interface Case {
  name: string;
  op: string;
  attributes: Record<string, number | string | number[]>;
  inputs: { name: string; dtype: 'float32' | 'int64' | 'bool'; shape: number[]; data: number[]; grad: boolean; constant: boolean }[];
  outputs: { shape: number[]; data: number[] }[];
  upstream: ({ shape: number[]; data: number[] } | null)[];
  gradients: Record<string, { shape: number[]; data: number[] }>;
}

const folder = new URL('../fixtures/ops/', import.meta.url);
const FLOAT_ATTRIBUTES = new Set(['alpha', 'beta', 'epsilon', 'momentum']);
/** Of the loss that gradients are taken of, not a graph operator. */
const LOSS = 'SoftmaxCrossEntropyLoss';

function attributeOf(name: string, value: number | string | number[]): AttributeValue {
  if (typeof value === 'string') return { kind: 'string', value };
  if (Array.isArray(value)) return { kind: 'ints', value };
  return FLOAT_ATTRIBUTES.has(name) ? { kind: 'float', value } : { kind: 'int', value };
}

function hostOf({ dtype, shape, data }: Case['inputs'][number]): HostTensor {
  if (dtype === 'int64') return { dtype, shape, data: BigInt64Array.from(data, BigInt) };
  if (dtype === 'bool') return { dtype, shape, data: Uint8Array.from(data) };
  return { dtype, shape, data: Float32Array.from(data) };
}

/** A graph of the one node, after the same rewriting that a file's nodes go through. */
function graphOf(item: Case): Graph {
  const live = item.inputs.filter((input) => isLive(input));
  const constants = item.inputs.filter((input) => input.name !== '' && !isLive(input));
  const outputs = item.outputs.map((_, index) => `out${String(index)}`);
  return canonicalise({
    opset: item.op === 'Gelu' ? 20 : 17,
    name: item.name,
    nodes: [{ name: 'node', op: item.op, inputs: item.inputs.map(({ name }) => name), outputs, attributes: Object.fromEntries(Object.entries(item.attributes).map(([name, value]) => [name, attributeOf(name, value)])) }],
    inputs: live.map(({ name, shape }) => ({ name, dtype: 'float32', shape })),
    outputs: item.outputs.slice(0, item.op === 'BatchNormalization' ? 1 : undefined).map(({ shape }, index) => ({ name: outputs[index] ?? '', dtype: 'float32', shape })),
    initializers: new Map(constants.map((input) => [input.name, hostOf(input)])),
    metadata: {},
  });
}

/** Fed at run time: what has a gradient or varies. The rest is known to the graph. */
function isLive({ name, dtype, grad, constant }: Case['inputs'][number]): boolean {
  return name !== '' && dtype === 'float32' && (grad || !constant || name.startsWith('input_'));
}

function need<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}

function specOf(item: Case): StepSpec {
  const graph = graphOf(item);
  const live = item.inputs.filter(isLive);
  const moving = live.filter(({ grad }) => grad).map(({ name }) => name);
  const outputs = graph.outputs.map(({ name }) => name);
  return {
    name: item.name,
    feeds: { ...Object.fromEntries(live.map(({ name, shape }) => [name, shape])), ...Object.fromEntries(outputs.map((name, index) => [`up:${name}`, need(item.outputs[index]).shape])) },
    reads: [],
    writes: [],
    results: [...outputs, ...moving.map((name) => `d:${name}`), ...(item.attributes['training_mode'] === 1 ? ['mean', 'variance'] : [])],
    constants: {},
    program: ({ feeds, layout }) => {
      const results: Record<string, Tensor> = {};
      const loss = (...tensors: Tensor[]): Tensor => {
        const byName = new Map(live.map(({ name }) => [name, need(feeds[name])]));
        moving.forEach((name, index) => byName.set(name, need(tensors[index])));
        let total: Tensor = tf.scalar(0);
        for (const output of outputs) {
          const y = runGraph({
            graph,
            images: need(byName.get(graph.inputs[0]?.name ?? '')),
            output,
            layout,
            normalization: item.attributes['training_mode'] === 1 ? 'batch' : 'running',
            parameter: (name) => byName.get(name),
            onStatistics: (_mean, _variance, mean, variance) => {
              results['mean'] = tf.keep(mean);
              results['variance'] = tf.keep(variance);
            },
          });
          results[output] = tf.keep(y);
          total = tf.add(total, tf.sum(tf.mul(y, need(feeds[`up:${output}`]))));
        }
        return total;
      };
      const { grads } = tf.valueAndGrads(loss)(moving.map((name) => need(feeds[name])));
      moving.forEach((name, index) => (results[`d:${name}`] = need(grads[index])));
      return { state: {}, results };
    },
  };
}

function assertClose(actual: Float32Array | undefined, expected: { data: number[] }, what: string): void {
  assert.ok(actual, what);
  assert.equal(actual.length, expected.data.length, `${what}: number of values`);
  const scale = Math.max(1, ...expected.data.map(Math.abs));
  actual.forEach((value, index) => {
    const difference = Math.abs(value - need(expected.data[index]));
    assert.ok(difference <= 2e-5 * scale, `${what}[${String(index)}] is ${String(value)}, PyTorch has ${String(expected.data[index])}`);
  });
}

async function check(engine: Engine, item: Case): Promise<void> {
  const spec = specOf(item);
  const state = engine.createState({});
  const step = await engine.compile(spec, state);
  const feeds: Record<string, Float32Array> = {};
  for (const input of item.inputs) if (isLive(input)) feeds[input.name] = Float32Array.from(input.data);
  item.upstream.forEach((up, index) => {
    if (spec.feeds[`up:out${String(index)}`] !== undefined) feeds[`up:out${String(index)}`] = Float32Array.from(need(up ?? undefined).data);
  });
  const results = await step.run(feeds);
  spec.results.filter((name) => name.startsWith('out')).forEach((name, index) => {
    assertClose(results[name], need(item.outputs[index]), `output ${String(index)}`);
  });
  for (const [name, expected] of Object.entries(item.gradients)) assertClose(results[`d:${name}`], expected, `gradient of ${name}`);
  if (results['mean'] !== undefined) {
    assertClose(results['mean'], need(item.outputs[1]), 'running mean');
    assertClose(results['variance'], need(item.outputs[2]), 'running variance');
  }
  step.dispose();
  state.dispose();
}

const infos = await describeEngines();
for (const info of infos) {
  describe(`operators on ${info.id}`, () => {
    if (!info.available) {
      test(`engine ${info.id}`, (t) => {
        t.skip(`needs the engine: ${info.description}`);
      });
      return;
    }
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.json') && name !== `${LOSS}.json`)) {
      const cases = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Case[];
      test(`${file.slice(0, -5)}: ${String(cases.length)} cases`, async () => {
        const engine = await createEngine(info.id, { threads: 1 });
        for (const item of cases) {
          await check(engine, item).catch((error: unknown) => {
            throw new Error(`${item.op}, ${item.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
          });
        }
        engine.dispose();
      });
    }
  });
}

test('every operator that a base may use is implemented or only prepares shapes', () => {
  const tested = new Set(readdirSync(folder).map((name) => name.replace('.json', '')));
  const shapeOnly = new Set(['Cast', 'Constant', 'ConstantOfShape', 'Dropout', 'Equal', 'Identity', 'Range', 'Shape']);
  assert.deepEqual(SUPPORTED_OPERATORS.filter((op) => !tested.has(op) && !shapeOnly.has(op)), []);
});
