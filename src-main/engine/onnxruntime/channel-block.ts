/**
 * @file Asks the runtime whether it has blocked convolutions here, and how many channels it keeps together. That number is the
 * processor's vector width and no part of the runtime's interface, so it is found out by trying.
 */
import * as ort from 'onnxruntime-node';
import { serializeOnnx } from '../../graph/onnx/encode.ts';
import { BLOCKED } from '../lowering/blocked.ts';
import { Emitter } from '../lowering/emitter.ts';

const CHANNELS = 64;
const KNOWN_BLOCKS = [4, 8, 16, 32];

let answer: Promise<number> | undefined;

/** Channels per block; 0 where the runtime has no blocked operators or they do not do what is expected of them. */
export function channelBlock(): Promise<number> {
  answer ??= tryBlocks().catch(() => 0);
  return answer;
}

async function tryBlocks(): Promise<number> {
  // Channel c of pixel p is the number 2c + p: where the numbers end up shows the order.
  const image = Float32Array.from({ length: 2 * CHANNELS }, (_, index) => index);
  const ordered = await run((emit) => emit.one('ReorderInput', ['x'], {}, BLOCKED), { x: { shape: [1, CHANNELS, 1, 2], data: image } }, [1, CHANNELS, 1, 2]);
  const block = KNOWN_BLOCKS.find((size) => ordered.every((value, index) => value === blockedValue(index, size)));
  return block !== undefined && (await convolves(block)) ? block : 0;
}

function blockedValue(index: number, block: number): number {
  const channel = index % block;
  const pixel = Math.floor(index / block) % 2;
  return 2 * (Math.floor(index / (2 * block)) * block + channel) + pixel;
}

/** A product of one pixel with a filter, in blocks, with a sum to add to: small whole numbers, so the answer is exact. */
async function convolves(block: number): Promise<boolean> {
  const channels = 2 * block;
  const x = Float32Array.from({ length: channels }, (_, c) => (c % 5) - 2);
  const weight = (o: number, c: number): number => ((o * 3 + c * 7) % 11) - 5;
  const filter = new Float32Array(channels * channels);
  for (let o = 0; o < channels; o++) {
    for (let c = 0; c < channels; c++) {
      const place = ((Math.floor(o / block) * 2 + Math.floor(c / block)) * block + (c % block)) * block + (o % block);
      filter[place] = weight(o, c);
    }
  }
  const sum = Float32Array.from({ length: channels }, (_, o) => o);
  const shape = [1, channels, 1, 1];
  const y = await run(
    (emit) => emit.one('Conv', ['x', 'w', '', 'sum'], { kernel_shape: [1, 1], dilations: [1, 2], pads: [0, 0, 0, 0] }, BLOCKED),
    { x: { shape, data: x }, w: { shape: [channels, channels, 1, 1], data: filter }, sum: { shape, data: sum } },
    shape,
  );
  return y.every((value, o) => value === x.reduce((total, pixel, c) => total + pixel * weight(o, c), o));
}

async function run(build: (emit: Emitter) => string, inputs: Record<string, { shape: number[]; data: Float32Array }>, shape: number[]): Promise<Float32Array> {
  const emit = new Emitter();
  const output = build(emit);
  const graph = {
    name: 'channel-block',
    inputs: Object.entries(inputs).map(([name, tensor]) => ({ name, dtype: 'float32' as const, shape: tensor.shape })),
    outputs: [{ name: output, dtype: 'float32' as const, shape }],
    nodes: emit.nodes,
    initializers: emit.initializers,
    metadata: {},
  };
  // Level 4: a runtime without these operators says so by refusing, which is an answer and no error.
  const session = await ort.InferenceSession.create(serializeOnnx(graph), { executionProviders: ['cpu'], intraOpNumThreads: 1, logSeverityLevel: 4 });
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, { shape: size, data }]) => [name, new ort.Tensor('float32', data, size)]));
  const outputs = await session.run(feeds);
  await session.release();
  return outputs[output]?.data as Float32Array;
}
