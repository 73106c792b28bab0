/** @file Damaged, hostile and unsupported model files end in a coded error, never in anything else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { TapsError } from '../../src-main/contract/errors.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { joinWeights, splitWeights } from '../../src-main/graph/topology.ts';
import type { Graph } from '../../src-main/graph/types.ts';

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

type Write = (out: BinaryWriter) => void;
function nested(out: BinaryWriter, field: number, write: Write): void {
  out.tag(field, WireType.LengthDelimited).fork();
  write(out);
  out.join();
}
const text = (out: BinaryWriter, field: number, value: string): BinaryWriter => out.tag(field, WireType.LengthDelimited).string(value);
const int = (out: BinaryWriter, field: number, value: number): BinaryWriter => out.tag(field, WireType.Varint).int64(value);

/** A model whose graph and top level are filled by hand. */
function model(graph: Write, opset = 17, top: Write = () => undefined): Uint8Array {
  const out = new BinaryWriter();
  int(out, 1, 8);
  nested(out, 7, graph);
  nested(out, 8, (inner) => int(inner, 2, opset));
  top(out);
  return out.finish();
}
const node = (out: BinaryWriter, op: string, more: Write = () => undefined): void => {
  nested(out, 1, (inner) => {
    text(inner, 1, 'input');
    text(inner, 2, 'output');
    text(inner, 4, op);
    more(inner);
  });
};

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
