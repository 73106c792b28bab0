/** @file Damaged, hostile and unsupported model files end in a coded error, never in anything else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { TapsError } from '../../src-main/contract/errors.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { joinWeights, splitWeights } from '../../src-main/graph/topology.ts';
import type { Graph } from '../../src-main/graph/types.ts';
import { int, model, nested, node, text, type Write } from './onnx-builder.ts';

const file = readFileSync(new URL('../fixtures/taps/record/convnet.onnx', import.meta.url));

/** Parses; a TapsError is a good answer, anything else is not. */
function attempt(bytes: Uint8Array): string {
  try {
    analyseBase(parseOnnx(bytes));
    return 'ok';
  } catch (error) {
    assert.ok(error instanceof TapsError, error instanceof Error ? error.stack : String(error));
    assert.notEqual(error.advice, '');
    return error.code;
  }
}

function refusal(bytes: Uint8Array, pattern: RegExp): void {
  assert.throws(() => parseOnnx(bytes), (error: unknown) => {
    assert.ok(error instanceof TapsError, String(error));
    assert.match(error.message, pattern);
    return true;
  });
}

describe('damaged files', () => {
  test('truncated at every 1/64', () => {
    for (let part = 0; part < 64; part++) assert.notEqual(attempt(file.subarray(0, Math.floor((file.length * part) / 64))), 'ok');
  });

  test('random bytes changed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), (changes) => {
        const copy = Uint8Array.from(file);
        for (const [position, value] of changes) copy[position] = value;
        attempt(copy);
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  test('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => { attempt(bytes); }), { numRuns: 500, seed: 7 });
  });

  test('claims larger than the file', () => {
    const tensor = (fill: Write): Uint8Array => model((graph) => { nested(graph, 5, (inner) => { text(inner, 8, 'w'); fill(inner); }); });
    refusal(tensor((t) => { int(t, 1, 2 ** 40); int(t, 2, 1); t.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(4)); }), /claims 4398046511104 bytes/);
    refusal(tensor((t) => { for (const size of [4194305, 4194305, 211106198978564]) int(t, 1, size); int(t, 2, 1); }), /claims .* elements/);
    refusal(tensor((t) => { int(t, 1, -1); int(t, 2, 1); }), /shape \[-1\]/);
    refusal(tensor((t) => { int(t, 1, 100); int(t, 2, 7); }), /claims 100 elements and has 0 bytes/);
    const lengthLie = Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x07, 1, 2);
    refusal(lengthLie, /claims 2147483647 bytes/);
    refusal(Uint8Array.from([0x08, ...Array<number>(11).fill(0xff)]), /damaged/);
  });

  test('cycles, values made twice, missing values, names such as __proto__', () => {
    const linked = (pairs: [string, string][]): Uint8Array =>
      model((graph) => {
        for (const [from, to] of pairs) nested(graph, 1, (n) => { text(n, 1, from); text(n, 2, to); text(n, 4, 'Relu'); });
        nested(graph, 12, (o) => { text(o, 1, 'z'); });
      });
    refusal(linked([['z', 'a'], ['a', 'z']]), /depends on itself/);
    refusal(linked([['z', 'z']]), /depends on itself/);
    refusal(linked([['q', 'z'], ['q', 'z']]), /made twice/);
    refusal(linked([['nothing', 'z']]), /nothing makes/);
    refusal(linked([['z2', 'a']]), /z is never made|nothing makes/);
    assert.notEqual(attempt(linked([['__proto__', 'constructor'], ['constructor', 'z']])), 'ok');
  });

  test('a value made from 150 000 others is read without running out of stack', () => {
    const count = 150_000;
    const wide = model((graph) => {
      nested(graph, 1, (n) => { for (let index = 0; index < count; index++) text(n, 1, `v${String(index)}`); text(n, 2, 'output'); text(n, 4, 'Concat'); });
      for (let index = 0; index < count; index++) nested(graph, 1, (n) => { text(n, 1, 'input'); text(n, 2, `v${String(index)}`); text(n, 4, 'Relu'); });
      nested(graph, 11, (i) => { text(i, 1, 'input'); });
      nested(graph, 12, (o) => { text(o, 1, 'output'); });
    });
    assert.equal(parseOnnx(wide).nodes.length, count + 1);
  });

  test('shape arithmetic of a small file neither hangs nor fills the memory', () => {
    const arithmetic = (op: string, inputs: [string, readonly number[], readonly number[]][], repeat = 1): Graph =>
      parseOnnx(model((graph) => {
        for (const [name, shape, values] of inputs) nested(graph, 5, (t) => { for (const size of shape) int(t, 1, size); int(t, 2, 7); text(t, 8, name); for (const value of values) int(t, 7, value); });
        for (let index = 0; index < repeat; index++) nested(graph, 1, (n) => { for (const [name] of inputs) text(n, 1, name); text(n, 2, `r${String(index)}`); text(n, 4, op); });
        nested(graph, 1, (n) => { text(n, 1, 'input'); for (let index = 0; index < repeat; index++) text(n, 1, `r${String(index)}`); text(n, 2, 'output'); text(n, 4, 'Concat'); });
        nested(graph, 11, (i) => { text(i, 1, 'input'); });
        nested(graph, 12, (o) => { text(o, 1, 'output'); });
      }));
    const elements = ({ initializers }: Graph): number => [...initializers.values()].reduce((sum, { data }) => sum + data.length, 0);
    const scalars = (...values: number[]): [string, number[], number[]][] => values.map((value, index) => [`s${String(index)}`, [], [value]]);
    assert.equal(elements(arithmetic('Range', scalars(5, 1, 0))), 3, 'a step of 0');
    assert.equal(elements(arithmetic('Range', scalars(0, 2 ** 50, 1))), 3);
    assert.equal(elements(arithmetic('ConstantOfShape', [['shape', [1], [4_000_000_000]]])), 1);
    assert.equal(elements(arithmetic('ConstantOfShape', [['shape', [2], [-4, -4]]])), 2);
    assert.equal(elements(arithmetic('Expand', [['one', [], [1]], ['shape', [2], [2 ** 26, 2 ** 26]]])), 3);
    assert.equal(elements(arithmetic('Range', scalars(0, 10, 1))), 10, 'a small one is evaluated');
    assert.ok(elements(arithmetic('Range', scalars(0, 4096, 1), 5000)) < 2 ** 21, 'many small ones are not all evaluated');
  });

  test('nodes of one name are told apart; side results and values made twice are refused', () => {
    const chain = (extra: Write): Uint8Array =>
      model((graph) => {
        for (const [from, to] of [['input', 'a'], ['a', 'output']] as const) nested(graph, 1, (n) => { text(n, 1, from); text(n, 2, to); text(n, 3, 'same'); text(n, 4, 'Relu'); });
        extra(graph);
        nested(graph, 11, (i) => { text(i, 1, 'input'); });
        nested(graph, 12, (o) => { text(o, 1, 'output'); });
      });
    const names = parseOnnx(chain(() => undefined)).nodes.map(({ name }) => name);
    assert.equal(names[0], 'same');
    assert.equal(new Set(names).size, 2);
    refusal(chain((graph) => { nested(graph, 5, (t) => { int(t, 1, 1); int(t, 2, 7); int(t, 7, 1); text(t, 8, 'a'); }); }), /a is made twice/);
    refusal(chain((graph) => { nested(graph, 5, (t) => { int(t, 1, 1); int(t, 2, 7); int(t, 7, 1); }); nested(graph, 1, (n) => { text(n, 1, 'a'); text(n, 2, 'input'); text(n, 4, 'Relu'); }); }), /input is made twice/);
    refusal(
      model((graph) => {
        nested(graph, 1, (n) => { text(n, 1, 'input'); text(n, 2, 'kept'); text(n, 2, 'mask'); text(n, 4, 'Dropout'); });
        nested(graph, 1, (n) => { text(n, 1, 'kept'); text(n, 1, 'mask'); text(n, 2, 'output'); text(n, 4, 'Mul'); });
        nested(graph, 11, (i) => { text(i, 1, 'input'); });
        nested(graph, 12, (o) => { text(o, 1, 'output'); });
      }),
      /mask, a side result of Dropout/,
    );
  });

  test('a chain of 10 000 nodes is read without running out of stack', () => {
    const long = model((graph) => {
      for (let index = 10_000; index > 0; index--) nested(graph, 1, (n) => { text(n, 1, `v${String(index - 1)}`); text(n, 2, `v${String(index)}`); text(n, 4, 'Relu'); });
      nested(graph, 11, (i) => { text(i, 1, 'v0'); });
      nested(graph, 12, (o) => { text(o, 1, 'v10000'); });
    });
    assert.equal(parseOnnx(long).nodes.length, 10_000);
  });
});

describe('what is refused on purpose', () => {
  test('by name', () => {
    refusal(model((graph) => { node(graph, 'NonMaxSuppression'); nested(graph, 11, (i) => text(i, 1, 'input')); nested(graph, 12, (o) => text(o, 1, 'output')); }), /NonMaxSuppression/);
    refusal(model((graph) => { node(graph, 'If', (n) => { nested(n, 5, (a) => { text(a, 1, 'then_branch'); nested(a, 6, () => undefined); int(a, 20, 5); }); }); }), /control flow/);
    refusal(model((graph) => { node(graph, 'Relu', (n) => text(n, 7, 'com.example')); }), /com\.example/);
    refusal(model(() => undefined, 8), /opset 8/);
    refusal(model(() => undefined, 99), /opset 99/);
    refusal(model(() => undefined, 17, (top) => { nested(top, 25, () => undefined); }), /functions/);
    refusal(model(() => undefined, 17, (top) => { nested(top, 20, () => undefined); }), /training information/);
    refusal(model((graph) => { nested(graph, 15, () => undefined); }), /sparse/);
    refusal(model((graph) => { nested(graph, 5, (t) => { int(t, 2, 8); t.tag(6, WireType.LengthDelimited).bytes(new Uint8Array(1)); }); }), /strings/);
    refusal(model((graph) => { nested(graph, 5, (t) => { int(t, 2, 1); int(t, 14, 1); }); }), /external files/);
    refusal(new Uint8Array(), /empty/);
  });
});

describe('what is kept', () => {
  const equal = (a: Graph, b: Graph): void => {
    assert.deepEqual(a.nodes, b.nodes);
    assert.deepEqual(a.inputs, b.inputs);
    assert.deepEqual(a.outputs, b.outputs);
    assert.deepEqual([...a.initializers], [...b.initializers]);
    assert.deepEqual({ ...a.metadata }, { ...b.metadata });
  };

  for (const name of ['convnet', 'vit']) {
    test(`${name}: write and read again, in one part and in two`, () => {
      const graph = parseOnnx(readFileSync(new URL(`../fixtures/taps/record/${name}.onnx`, import.meta.url)));
      equal(parseOnnx(serializeOnnx(graph)), graph);
      const { topology, weights } = splitWeights(graph);
      const joined = joinWeights(topology, weights);
      assert.deepEqual(joined.nodes, graph.nodes);
      assert.deepEqual(new Map([...joined.initializers].sort()), new Map([...graph.initializers].sort()));
      const [first] = weights.keys();
      assert.ok(first !== undefined);
      const without = new Map(weights);
      without.delete(first);
      assert.throws(() => joinWeights(topology, without), new RegExp(first.replaceAll('.', '\\.')));
      assert.throws(() => joinWeights(topology, new Map([...weights, ['stranger', { dtype: 'float32', shape: [2], data: new Float32Array(2) }]])), /stranger/);
    });
  }

  test('roles, order and head of a residual network and a transformer', () => {
    const convnet = analyseBase(parseOnnx(file));
    assert.equal(convnet.parameters.filter(({ role }) => role === 'gated').length, 6);
    assert.deepEqual([convnet.head.features, convnet.head.classes, convnet.head.parameterNames.length], [16, 7, 2]);
    const vit = analyseBase(parseOnnx(readFileSync(new URL('../fixtures/taps/record/vit.onnx', import.meta.url))));
    assert.equal(vit.parameters.filter(({ role }) => role === 'gated').length, 9);
    assert.ok(vit.parameters.some(({ role }) => role === 'embedding'));
    assert.deepEqual([vit.head.features, vit.head.classes], [16, 7]);
  });
});
