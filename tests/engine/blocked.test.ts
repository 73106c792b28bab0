/** @file Gradients of filters by the runtime's blocked convolution, against plain loops: strides, borders, dilation, maps added up piece by piece. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine } from '../../src-main/engine/index.ts';
import { KERNELS } from '../../src-main/engine/kernels/names.ts';
import { windowOutputs, type ConvAttributes } from '../../src-main/engine/kernels/attributes.ts';
import { suitsBlockedFilterGradient } from '../../src-main/engine/lowering/blocked.ts';
import { Emitter } from '../../src-main/engine/lowering/emitter.ts';
import { channelBlock } from '../../src-main/engine/onnxruntime/channel-block.ts';
import { runKernel, type Tensor } from '../../src-main/engine/tfjs.ts';

interface Case {
  name: string;
  channels: number;
  pictures: number;
  size: [number, number];
  outputs: number;
  conv: Pick<ConvAttributes, 'kernel' | 'strides' | 'pads' | 'dilations'>;
}

const CASES: Case[] = [
  { name: 'three by three', channels: 20, pictures: 16, size: [6, 5], outputs: 32, conv: { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] } },
  { name: 'stride two that leaves pixels over', channels: 3, pictures: 32, size: [9, 8], outputs: 16, conv: { kernel: [3, 3], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1] } },
  { name: 'seven by seven, stride two', channels: 3, pictures: 16, size: [20, 22], outputs: 48, conv: { kernel: [7, 7], strides: [2, 2], pads: [3, 3, 3, 3], dilations: [1, 1] } },
  { name: 'unequal sides', channels: 5, pictures: 16, size: [7, 9], outputs: 16, conv: { kernel: [3, 2], strides: [1, 2], pads: [2, 0, 0, 1], dilations: [1, 1] } },
  { name: 'dilation', channels: 4, pictures: 16, size: [9, 9], outputs: 16, conv: { kernel: [3, 3], strides: [1, 1], pads: [2, 2, 2, 2], dilations: [2, 2] } },
  { name: 'large maps, piece by piece', channels: 2, pictures: 32, size: [40, 40], outputs: 64, conv: { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] } },
  { name: 'pieces that see padding only', channels: 1, pictures: 32, size: [6, 250], outputs: 64, conv: { kernel: [2, 2], strides: [1, 1], pads: [4, 0, 4, 0], dilations: [1, 1] } },
];

/** Small values of either sign without a period that any axis shares. */
function values(count: number, factor: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => Math.sin(index * factor) / 2);
}

/** dw[o, c, i, j] = Σ dy[o, n, y, x]·x[c, n, y·s + i·d − pad, x·s + j·d − pad]. */
function filterGradient({ channels, pictures, size: [h, w], outputs, conv }: Case, x: Float32Array, dy: Float32Array, [oh, ow]: [number, number]): Float64Array {
  const [kh, kw] = conv.kernel;
  const gradient = new Float64Array(outputs * channels * kh * kw);
  for (let o = 0; o < outputs; o++) for (let c = 0; c < channels; c++) for (let i = 0; i < kh; i++) for (let j = 0; j < kw; j++) {
    let total = 0;
    for (let n = 0; n < pictures; n++) for (let row = 0; row < oh; row++) {
      const y = row * conv.strides[0] + i * conv.dilations[0] - conv.pads[0];
      if (y < 0 || y >= h) continue;
      for (let column = 0; column < ow; column++) {
        const place = column * conv.strides[1] + j * conv.dilations[1] - conv.pads[1];
        if (place >= 0 && place < w) total += (dy[((o * pictures + n) * oh + row) * ow + column] ?? 0) * (x[((c * pictures + n) * h + y) * w + place] ?? 0);
      }
    }
    gradient[((o * channels + c) * kh + i) * kw + j] = total;
  }
  return gradient;
}

const block = await channelBlock();
const skip = block === 0 ? 'onnxruntime has no blocked operators on this processor' : false;

for (const item of CASES) {
  test(`filter gradient in blocks: ${item.name}`, { skip }, async () => {
    const attributes: ConvAttributes = { ...item.conv, layout: 'cnhw', groups: 1 };
    const [oh, ow] = windowOutputs(attributes, ...item.size);
    const xShape = [item.channels, item.pictures, ...item.size] as const;
    const dyShape = [item.outputs, item.pictures, oh, ow] as const;
    assert.ok(suitsBlockedFilterGradient(new Emitter(block), xShape, dyShape, attributes), 'the case is computed in blocks');
    const x = values(xShape.reduce((a, b) => a * b), 0.731);
    const dy = values(dyShape.reduce((a, b) => a * b), 1.137);
    const engine = await createEngine('onnxruntime', { threads: 2 });
    const state = engine.createState({});
    const step = await engine.compile(
      {
        name: 'filter gradient',
        feeds: { x: xShape, dy: dyShape },
        reads: [],
        writes: [],
        results: ['dw'],
        constants: {},
        program: ({ feeds }) => ({ state: {}, results: { dw: runKernel(KERNELS.convGradFilter, { x: feeds['x'] as Tensor, dy: feeds['dy'] as Tensor }, attributes) } }),
      },
      state,
    );
    const { dw } = await step.run({ x, dy });
    step.dispose();
    const expected = filterGradient(item, x, dy, [oh, ow]);
    assert.equal(dw?.length, expected.length);
    const scale = Math.max(...expected.map(Math.abs));
    const worst = expected.reduce((most, value, index) => Math.max(most, Math.abs(value - (dw[index] ?? Number.NaN))), 0);
    assert.ok(worst <= 2e-5 * scale, `differs by ${String(worst)} of ${String(scale)}`);
  });
}
