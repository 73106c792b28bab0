/** @file Moving pixels by products: against plain loops, on both sides of the width where products stop to pay, exactly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as ort from 'onnxruntime-node';
import { Emitter } from '../../src-main/engine/lowering/emitter.ts';
import { padColumns, placeTaps, spreadOut, weave } from '../../src-main/engine/lowering/selection.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';

interface Input {
  shape: readonly number[];
  data: Float32Array;
}

function input(shape: readonly number[], factor: number): Input {
  return { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => Math.sin(index * factor)) };
}

async function run(inputs: Record<string, Input>, build: (emit: Emitter) => string): Promise<ort.Tensor> {
  const emit = new Emitter();
  const output = build(emit);
  const graph = {
    name: 'selection',
    inputs: Object.entries(inputs).map(([name, { shape }]) => ({ name, dtype: 'float32' as const, shape: [...shape] })),
    outputs: [{ name: output, dtype: 'float32' as const, shape: [] }],
    nodes: emit.nodes,
    initializers: emit.initializers,
    metadata: {},
  };
  const session = await ort.InferenceSession.create(serializeOnnx(graph), { executionProviders: ['cpu'], logSeverityLevel: 4 });
  const outputs = await session.run(Object.fromEntries(Object.entries(inputs).map(([name, { shape, data }]) => [name, new ort.Tensor('float32', data, [...shape])])));
  const result = outputs[output];
  await session.release();
  if (result === undefined) throw new Error('The graph returned nothing.');
  return result;
}

for (const width of [5, 70]) {
  test(`columns of zeros around ${String(width)} columns, and columns cut off`, async () => {
    const x = input([2, 3, 2, width], 0.7);
    for (const [before, after] of [[1, 2], [0, 3], [2, -1], [-1, -1]] as const) {
      const wide = before + width + after;
      const y = await run({ x }, (emit) => padColumns(emit, 'x', [2, 3, 2, width], before, after));
      assert.deepEqual(y.dims, [2, 3, 2, wide]);
      const expected = Float32Array.from({ length: 12 * wide }, (_, index) => {
        const column = (index % wide) - before;
        return column < 0 || column >= width ? 0 : (x.data[Math.floor(index / wide) * width + column] ?? 0);
      });
      assert.deepEqual(y.data, expected);
    }
  });

  test(`${String(width)} pixels spread apart`, async () => {
    const x = input([2, 2, 3, width], 0.3);
    for (const [sh, sw, h, w] of [[2, 2, 6, 2 * width], [2, 2, 5, 2 * width - 1], [3, 2, 9, 2 * width], [1, 3, 3, 3 * width - 2]] as const) {
      const y = await run({ x }, (emit) => spreadOut(emit, 'x', [2, 2, 3, width], [sh, sw], [h, w]));
      assert.deepEqual(y.dims, [2, 2, h, w]);
      const expected = Float32Array.from({ length: 4 * h * w }, (_, index) => {
        const [row, column, map] = [Math.floor(index / w) % h, index % w, Math.floor(index / (h * w))];
        return row % sh === 0 && column % sw === 0 ? (x.data[(map * 3 + row / sh) * width + column / sw] ?? 0) : 0;
      });
      assert.deepEqual(y.data, expected);
    }
  });

  test(`four maps woven to ${String(2 * width)} columns`, async () => {
    const parts = [0.3, 0.5, 0.7, 0.9].map((factor) => input([2, 3, 2, width], factor));
    const y = await run(Object.fromEntries(parts.map((part, index) => [`p${String(index)}`, part])), (emit) => weave(emit, ['p0', 'p1', 'p2', 'p3'], [2, 3, 4, 2 * width]));
    assert.deepEqual(y.dims, [2, 3, 4, 2 * width]);
    const expected = Float32Array.from({ length: 24 * 2 * width }, (_, index) => {
      const [map, row, column] = [Math.floor(index / (8 * width)), Math.floor(index / (2 * width)) % 4, index % (2 * width)];
      const part = parts[2 * (row % 2) + (column % 2)];
      return part?.data[(map * 2 + Math.floor(row / 2)) * width + Math.floor(column / 2)] ?? Number.NaN;
    });
    assert.deepEqual(y.data, expected);
  });
}

for (const { name, kernel, strides, dilations, pads, outputs, inputs } of [
  { name: 'three by three on two by two', kernel: [3, 3], strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], outputs: [2, 2], inputs: [2, 2] },
  { name: 'stride two that leaves a row over', kernel: [3, 2], strides: [2, 1], dilations: [1, 1], pads: [0, 1, 0, 0], outputs: [2, 3], inputs: [6, 3] },
  { name: 'dilation', kernel: [2, 3], strides: [1, 2], dilations: [2, 1], pads: [1, 0, 2, 0], outputs: [3, 2], inputs: [2, 5] },
] as const) {
  test(`taps put in their places: ${name}`, async () => {
    const rows = 3;
    const inner = outputs[0] * outputs[1] * kernel[0] * kernel[1];
    const products = input([rows, inner], 0.41);
    const y = await run({ products }, (emit) => placeTaps(emit, 'products', { kernel, strides, dilations, pads, outputs, inputs }));
    assert.deepEqual(y.dims, [rows, inputs[0] * inputs[1]]);
    const expected = new Float64Array(rows * inputs[0] * inputs[1]);
    let at = 0;
    for (let row = 0; row < rows; row++) for (let oy = 0; oy < outputs[0]; oy++) for (let ox = 0; ox < outputs[1]; ox++) {
      for (let ky = 0; ky < kernel[0]; ky++) for (let kx = 0; kx < kernel[1]; kx++, at++) {
        const [iy, ix] = [oy * strides[0] + ky * dilations[0] - pads[0], ox * strides[1] + kx * dilations[1] - pads[1]];
        if (iy < 0 || iy >= inputs[0] || ix < 0 || ix >= inputs[1]) continue;
        const place = (row * inputs[0] + iy) * inputs[1] + ix;
        expected[place] = (expected[place] ?? 0) + (products.data[at] ?? 0);
      }
    }
    for (const [index, value] of (y.data as Float32Array).entries()) assert.ok(Math.abs(value - (expected[index] ?? Number.NaN)) < 1e-5, `${String(index)}: ${String(value)}`);
  });
}
