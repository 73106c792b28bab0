/**
 * @file Convolutions and their gradients by the runtime's blocked convolution, against plain loops: strides, borders, dilation, vectors that
 * are not filled, maps added up piece by piece.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine } from '../../src-main/engine/index.ts';
import { KERNELS } from '../../src-main/engine/kernels/names.ts';
import { windowOutputs, type ConvAttributes } from '../../src-main/engine/kernels/attributes.ts';
import { suitsBlockedConv, suitsBlockedFilterGradient } from '../../src-main/engine/lowering/blocked.ts';
import { Emitter } from '../../src-main/engine/lowering/emitter.ts';
import { channelBlock } from '../../src-main/engine/onnxruntime/channel-block.ts';
import { runKernel } from '../../src-main/engine/tfjs.ts';

type Shape4 = readonly [number, number, number, number];

interface Sized {
  shape: Shape4;
  data: Float32Array;
}

interface Case {
  name: string;
  channels: number;
  pictures: number;
  size: [number, number];
  outputs: number;
  conv: Pick<ConvAttributes, 'kernel' | 'strides' | 'pads' | 'dilations'>;
}

const FILTER_CASES: Case[] = [
  { name: 'vectors that are not filled', channels: 6, pictures: 16, size: [5, 6], outputs: 24, conv: { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] } },
  { name: 'three by three', channels: 20, pictures: 16, size: [6, 5], outputs: 32, conv: { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] } },
  { name: 'stride two that leaves pixels over', channels: 3, pictures: 32, size: [9, 8], outputs: 16, conv: { kernel: [3, 3], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1] } },
  { name: 'seven by seven, stride two', channels: 3, pictures: 16, size: [20, 22], outputs: 48, conv: { kernel: [7, 7], strides: [2, 2], pads: [3, 3, 3, 3], dilations: [1, 1] } },
  { name: 'unequal sides', channels: 5, pictures: 16, size: [7, 9], outputs: 16, conv: { kernel: [3, 2], strides: [1, 2], pads: [2, 0, 0, 1], dilations: [1, 1] } },
  { name: 'dilation', channels: 4, pictures: 16, size: [9, 9], outputs: 16, conv: { kernel: [3, 3], strides: [1, 1], pads: [2, 2, 2, 2], dilations: [2, 2] } },
  { name: 'large maps, piece by piece', channels: 2, pictures: 32, size: [40, 40], outputs: 64, conv: { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] } },
  { name: 'pieces that see padding only', channels: 1, pictures: 32, size: [6, 250], outputs: 64, conv: { kernel: [2, 2], strides: [1, 1], pads: [4, 0, 4, 0], dilations: [1, 1] } },
];

const CONV_CASES: Case[] = [
  { name: 'pictures beside each other', channels: 32, pictures: 16, size: [2, 2], outputs: 16, conv: { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] } },
  { name: 'two vectors of pictures beside each other', channels: 16, pictures: 32, size: [3, 4], outputs: 48, conv: { kernel: [3, 2], strides: [1, 1], pads: [2, 0, 0, 1], dilations: [1, 1] } },
  { name: 'pictures beside each other, dilation', channels: 16, pictures: 32, size: [5, 5], outputs: 32, conv: { kernel: [3, 3], strides: [1, 1], pads: [2, 2, 2, 2], dilations: [2, 2] } },
  { name: 'three channels, seven by seven, stride two', channels: 3, pictures: 4, size: [20, 22], outputs: 48, conv: { kernel: [7, 7], strides: [2, 2], pads: [3, 3, 3, 3], dilations: [1, 1] } },
  { name: 'three by three', channels: 32, pictures: 3, size: [6, 5], outputs: 16, conv: { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] } },
  { name: 'pictures smaller than the filter', channels: 16, pictures: 5, size: [2, 2], outputs: 32, conv: { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] } },
  { name: 'a filter that is not its own mirror image', channels: 16, pictures: 2, size: [7, 9], outputs: 48, conv: { kernel: [3, 2], strides: [1, 1], pads: [2, 0, 0, 1], dilations: [1, 1] } },
  { name: 'dilation', channels: 16, pictures: 2, size: [9, 8], outputs: 16, conv: { kernel: [3, 3], strides: [1, 1], pads: [2, 2, 2, 2], dilations: [2, 2] } },
  { name: 'stride two that leaves pixels over', channels: 16, pictures: 4, size: [9, 8], outputs: 32, conv: { kernel: [3, 3], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1] } },
  { name: 'stride two, sixteen pictures', channels: 16, pictures: 16, size: [6, 8], outputs: 32, conv: { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], dilations: [1, 1] } },
  { name: 'stride two, unequal sides', channels: 16, pictures: 3, size: [8, 6], outputs: 16, conv: { kernel: [5, 2], strides: [2, 2], pads: [2, 0, 2, 0], dilations: [1, 1] } },
  { name: 'stride two', channels: 32, pictures: 1, size: [8, 8], outputs: 16, conv: { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], dilations: [1, 1] } },
];

/** Small values of either sign without a period that any axis shares. */
function values(count: number, factor: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => Math.sin(index * factor) / 2);
}

/** Calls `visit` with the flat places in y [O, N, oh, ow], x [C, N, h, w] and w [O, C, kh, kw] of every product of the convolution. */
function eachProduct({ channels, pictures, size: [h, w], outputs, conv }: Case, [oh, ow]: readonly [number, number], visit: (y: number, x: number, weight: number) => void): void {
  const [kh, kw] = conv.kernel;
  for (let o = 0; o < outputs; o++) for (let c = 0; c < channels; c++) for (let i = 0; i < kh; i++) for (let j = 0; j < kw; j++) {
    for (let n = 0; n < pictures; n++) for (let row = 0; row < oh; row++) {
      const y = row * conv.strides[0] + i * conv.dilations[0] - conv.pads[0];
      if (y < 0 || y >= h) continue;
      for (let column = 0; column < ow; column++) {
        const place = column * conv.strides[1] + j * conv.dilations[1] - conv.pads[1];
        if (place >= 0 && place < w) visit(((o * pictures + n) * oh + row) * ow + column, ((c * pictures + n) * h + y) * w + place, ((o * channels + c) * kh + i) * kw + j);
      }
    }
  }
}

const block = await channelBlock();
const skip = block === 0 ? 'onnxruntime has no blocked operators on this processor' : false;

/** What a kernel makes of two inputs on the engine of the CPU. */
async function compute(kernel: string, inputs: Record<string, Sized>, attributes: object): Promise<Float32Array> {
  const engine = await createEngine('onnxruntime', { threads: 2 });
  const step = await engine.compile(
    {
      name: 'convolution',
      feeds: Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape])),
      reads: [],
      writes: [],
      results: ['result'],
      constants: {},
      program: ({ feeds }) => ({ state: {}, results: { result: runKernel(kernel, feeds, attributes) } }),
    },
    engine.createState({}),
  );
  const { result } = await step.run(Object.fromEntries(Object.entries(inputs).map(([name, { data }]) => [name, data])));
  step.dispose();
  assert.ok(result !== undefined);
  return result;
}

function assertClose(actual: Float32Array, expected: Float64Array): void {
  assert.equal(actual.length, expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  const worst = expected.reduce((most, value, index) => Math.max(most, Math.abs(value - (actual[index] ?? Number.NaN))), 0);
  assert.ok(worst <= 2e-5 * scale, `differs by ${String(worst)} of ${String(scale)}`);
}

/** Shapes and values of one case: w and x at random, dy too. */
function prepare(item: Case): { attributes: ConvAttributes; out: [number, number]; x: Sized; w: Sized; dy: Sized } {
  const attributes: ConvAttributes = { ...item.conv, layout: 'cnhw', groups: 1 };
  const out = windowOutputs(attributes, ...item.size);
  const sized = (shape: Shape4, factor: number): Sized => ({ shape, data: values(shape.reduce((a, b) => a * b), factor) });
  return { attributes, out, x: sized([item.channels, item.pictures, ...item.size], 0.731), w: sized([item.outputs, item.channels, ...item.conv.kernel], 0.517), dy: sized([item.outputs, item.pictures, ...out], 1.137) };
}

for (const item of FILTER_CASES) {
  test(`filter gradient in blocks: ${item.name}`, { skip }, async () => {
    const { attributes, out, x, w, dy } = prepare(item);
    assert.ok(suitsBlockedFilterGradient(new Emitter(block), x.shape, dy.shape, attributes), 'the case is computed in blocks');
    const expected = new Float64Array(w.data.length);
    eachProduct(item, out, (atY, atX, atW) => (expected[atW] = (expected[atW] ?? 0) + (dy.data[atY] ?? 0) * (x.data[atX] ?? 0)));
    assertClose(await compute(KERNELS.convGradFilter, { x, dy }, attributes), expected);
  });
}

for (const item of CONV_CASES) {
  test(`convolution in blocks: ${item.name}`, { skip }, async () => {
    const { attributes, out, x, w, dy } = prepare(item);
    assert.ok(suitsBlockedConv(new Emitter(block), x.shape, w.shape, attributes), 'the case is computed in blocks');
    const y = new Float64Array(dy.data.length);
    const dx = new Float64Array(x.data.length);
    eachProduct(item, out, (atY, atX, atW) => {
      y[atY] = (y[atY] ?? 0) + (x.data[atX] ?? 0) * (w.data[atW] ?? 0);
      dx[atX] = (dx[atX] ?? 0) + (dy.data[atY] ?? 0) * (w.data[atW] ?? 0);
    });
    assertClose(await compute(KERNELS.conv, { x, w }, attributes), y);
    // In blocks too, every other pixel by itself for stride 2, unless the stride leaves pixels over or vectors are not filled; then it is the general way.
    assertClose(await compute(KERNELS.convGradInput, { dy, w }, { ...attributes, inputSize: item.size }), dx);
  });
}
