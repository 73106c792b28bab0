/** @file State that a step writes over, and gates as a choice: which updates may, that others may not, and that the numbers are those of plain loops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elementCount } from '../../src-main/contract/tensors.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { KERNELS } from '../../src-main/engine/kernels/names.ts';
import { lowerStep } from '../../src-main/engine/onnxruntime/engine.ts';
import { writeInPlace } from '../../src-main/engine/onnxruntime/in-place.ts';
import { RuntimeState } from '../../src-main/engine/onnxruntime/state.ts';
import { runKernel, tf, type Tensor } from '../../src-main/engine/tfjs.ts';
import type { StepSpec } from '../../src-main/engine/types.ts';
import { branchesOf, namesRead } from '../../src-main/graph/subgraphs.ts';
import type { Graph, GraphNode } from '../../src-main/graph/types.ts';

const SHAPE = [64, 64, 5, 5];
const COUNT = elementCount(SHAPE);
const MOMENTUM = 0.9;

/** One gated weight by SGD: G = x·w, so that every number can be followed by hand. */
const STEP: StepSpec = {
  name: 'gated',
  feeds: { x: [], rate: [] },
  reads: ['base', 'delta', 'momentum', 'score'],
  writes: ['delta', 'momentum', 'score'],
  results: ['sum'],
  constants: {},
  program: ({ feeds, state }) => {
    const of = (tensors: Record<string, Tensor>, name: string): Tensor => tensors[name] ?? assert.fail(name);
    const gate = tf.reshape(runKernel(KERNELS.gate, { score: of(state, 'score') }, { threshold: 0.1 }), []);
    const weight = tf.add(of(state, 'base'), tf.mul(of(state, 'delta'), gate));
    const gradient = tf.mul(weight, of(feeds, 'x'));
    const momentum = tf.add(tf.mul(of(state, 'momentum'), tf.scalar(MOMENTUM)), tf.mul(gradient, gate));
    const towards = runKernel(KERNELS.dot, { a: gradient, b: of(state, 'delta') });
    return {
      state: { delta: tf.sub(of(state, 'delta'), tf.mul(momentum, of(feeds, 'rate'))), momentum, score: tf.sub(of(state, 'score'), tf.reshape(tf.mul(towards, of(feeds, 'rate')), [1])) },
      results: { sum: tf.sum(weight) },
    };
  },
};

function start(score: number): Record<string, { shape: number[]; data: Float32Array }> {
  const values = (factor: number): Float32Array => Float32Array.from({ length: COUNT }, (_, index) => Math.sin(index * factor) / 2);
  return { base: { shape: SHAPE, data: values(0.7) }, delta: { shape: SHAPE, data: values(0.3) }, momentum: { shape: SHAPE, data: values(1.1) }, score: { shape: [1], data: Float32Array.of(score) } };
}

for (const { name, score } of [{ name: 'open', score: 0.5 }, { name: 'closed', score: 0.05 }]) {
  test(`a gated weight is updated in place as by plain loops: gate ${name}`, async () => {
    const engine = await createEngine('onnxruntime', { threads: 2 });
    const state = engine.createState(start(score));
    const step = await engine.compile(STEP, state);
    const plain = Object.fromEntries(Object.entries(start(score)).map(([entry, { data }]) => [entry, data]));
    const { base, delta, momentum } = plain as { base: Float32Array; delta: Float32Array; momentum: Float32Array };
    let expectedScore = score;
    for (const [x, rate] of [[0.5, 0.125], [-0.25, 0.0625], [1, 0.25]] as const) {
      await step.run({ x: Float32Array.of(x), rate: Float32Array.of(rate) });
      const open = Math.fround(expectedScore) >= Math.fround(0.1);
      let dot = 0;
      for (let index = 0; index < COUNT; index++) {
        const weight = Math.fround((base[index] ?? 0) + (open ? (delta[index] ?? 0) : 0));
        const gradient = Math.fround(weight * x);
        dot += gradient * (delta[index] ?? 0);
        momentum[index] = Math.fround(Math.fround((momentum[index] ?? 0) * Math.fround(MOMENTUM)) + (open ? gradient : 0));
        delta[index] = Math.fround((delta[index] ?? 0) - Math.fround((momentum[index] ?? 0) * rate));
      }
      expectedScore = expectedScore - dot * rate;
      assert.deepEqual(await state.read('momentum'), momentum);
      assert.deepEqual(await state.read('delta'), delta, 'δ took part in its gate’s gradient before it was written over');
      const [found = NaN] = await state.read('score');
      assert.ok(Math.abs(found - expectedScore) <= 1e-4 * Math.max(1, Math.abs(expectedScore)), `score ${String(found)}, expected ${String(expectedScore)}`);
      // The next turn starts from what the engine has, so that rounding of the sum does not add up.
      expectedScore = found;
    }
    step.dispose();
  });
}

test('δ and momentum of a gated weight are written in place, and the product with the gate is a choice', () => {
  const { graph, inPlace } = lowerStep(STEP, new RuntimeState(start(0.5)), 'cnhw', 0);
  assert.deepEqual([...inPlace].sort(), ['delta', 'momentum']);
  assert.equal(graph.nodes.filter((node) => branchesOf(node).length > 0).length, 2);
  assertSorted(graph);
});

function assertSorted(graph: Graph): void {
  const made = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  for (const node of graph.nodes) {
    const own = new Set(branchesOf(node).flatMap((branch) => branch.nodes.flatMap(({ outputs }) => outputs)));
    for (const name of namesRead(node)) assert.ok(made.has(name) || own.has(name), `${node.name} reads ${name} before it is made`);
    for (const output of node.outputs) made.add(output);
  }
}

function node(op: string, inputs: string[], output: string, attributes: GraphNode['attributes'] = {}): GraphNode {
  return { name: `make_${output}`, op, inputs, outputs: [output], attributes };
}

/** new = old − step·rate, with other nodes around it. */
function updateOf(others: GraphNode[], { update = node('Sub', ['old', 'scaled'], 'new'), count = 10_000 } = {}): { graph: Graph; inPlace: Set<string> } {
  const value = (name: string, shape: number[]): Graph['inputs'][number] => ({ name, dtype: 'float32', shape });
  const nodes = [node('Mul', ['step', 'rate'], 'scaled'), ...others.filter(({ outputs }) => outputs.some((output) => update.inputs.includes(output))), update, ...others.filter(({ outputs }) => !outputs.some((output) => update.inputs.includes(output)))];
  const graph: Graph = { name: 'update', inputs: [value('old', [count]), value('step', [count]), value('rate', [])], outputs: [value('new', [count]), value('other', [])], nodes, initializers: new Map(), metadata: {} };
  return writeInPlace(graph, [{ old: 'old', updated: 'new' }]);
}

const TO_NUMBER = { keepdims: { kind: 'int', value: 0 } } as const;
const CASES: { name: string; others: GraphNode[]; update?: GraphNode; count?: number; inPlace: boolean }[] = [
  { name: 'nothing else reads the old value', others: [node('ReduceSum', ['step'], 'other', TO_NUMBER)], inPlace: true },
  { name: 'another reader that leads to a number', others: [node('Mul', ['old', 'step'], 'product'), node('ReduceSum', ['product'], 'other', TO_NUMBER)], inPlace: true },
  { name: 'another reader, under another name', others: [node('Reshape', ['old'], 'view'), node('Mul', ['view', 'step'], 'product'), node('ReduceSum', ['product'], 'other', TO_NUMBER)], inPlace: true },
  { name: 'a reader that leads to no number', others: [node('Mul', ['old', 'step'], 'product'), node('Relu', ['product'], 'other')], inPlace: false },
  { name: 'a view whose reader leads to no number', others: [node('Identity', ['old'], 'view'), node('ReduceSum', ['view'], 'other', TO_NUMBER), node('Relu', ['view'], 'more')], inPlace: false },
  { name: 'a reader that waits for the rate’s product itself', others: [node('Mul', ['old', 'scaled'], 'product'), node('ReduceSum', ['product'], 'other', TO_NUMBER)], inPlace: false },
  { name: 'an update that reads other places than it writes', others: [], update: node('CumSum', ['old', 'scaled'], 'new'), inPlace: false },
  { name: 'an update that reads through a view', others: [node('Transpose', ['old'], 'view')], update: node('Sub', ['view', 'scaled'], 'new'), inPlace: false },
  { name: 'too small to matter', others: [], count: 100, inPlace: false },
];

for (const { name, others, inPlace, ...rest } of CASES) {
  test(`in place ${inPlace ? 'allowed' : 'refused'}: ${name}`, () => {
    const outcome = updateOf(others, rest);
    assert.equal(outcome.inPlace.has('old'), inPlace);
    assertSorted(outcome.graph);
    if (!inPlace) return;
    const writer = outcome.graph.nodes.findIndex(({ outputs }) => outputs.includes('new'));
    const views = new Set(['old', ...outcome.graph.nodes.filter(({ op }) => op === 'Reshape').flatMap(({ outputs }) => outputs)]);
    const readers = outcome.graph.nodes.flatMap((each, index) => (index !== writer && namesRead(each).some((read) => views.has(read)) ? [index] : []));
    assert.ok(readers.every((reader) => reader < writer), 'all readers come first');
  });
}
