/** @file One side of a benchmark, as a process of its own: training steps or linear-probe steps on one engine. Prints one JSON line. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { EngineId } from '../../src-main/contract/engine-info.ts';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { tf } from '../../src-main/engine/tfjs.ts';
import type { StepSpec } from '../../src-main/engine/types.ts';
import { forwardMultiplications } from '../../src-main/training/trunk/trunk.ts';
import { createTrainingSession } from '../../src-main/training/session.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    method: { type: 'string', default: 'taps' },
    engine: { type: 'string', default: 'onnxruntime' },
    size: { type: 'string', default: '64' },
    batch: { type: 'string', default: '32' },
    threads: { type: 'string', default: '2' },
    steps: { type: 'string', default: '12' },
    profile: { type: 'string' },
  },
});
const [imageSize, batchSize, threads, steps] = [values.size, values.batch, values.threads, values.steps].map(Number);
if (values.model === undefined || imageSize === undefined || batchSize === undefined || threads === undefined || steps === undefined) throw new Error('--model FILE.onnx is needed');
const CLASSES = 10;

const started = performance.now();
const engine = await createEngine(values.engine as EngineId, values.profile === undefined ? { threads } : { threads, profile: values.profile });
const base = analyseBase(parseOnnx(readFileSync(values.model)));
const parsed = performance.now();
const session = await createTrainingSession({
  engine,
  base,
  baseId: '0'.repeat(64),
  config: trainConfigSchema.parse({ method: values.method, batchSize }),
  classNames: Array.from({ length: CLASSES }, (_, index) => String(index)),
  preprocessing: { imageSize, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
});
const images = Float32Array.from({ length: batchSize * 3 * imageSize * imageSize }, (_, index) => Math.sin(index * 0.7));
const labels = new Float32Array(batchSize * CLASSES);
for (let row = 0; row < batchSize; row++) labels[row * CLASSES + (row % CLASSES)] = 1;
const times: number[] = [];
const cpuTimes: number[] = [];
for (let step = 0; step < steps; step++) {
  const before = performance.now();
  const cpuBefore = process.cpuUsage();
  await session.trainStep({ images, labels }, { learningRate: 0.01, scoreLearningRate: 0.01, lambda: 1 });
  times.push(performance.now() - before);
  const { user, system } = process.cpuUsage(cpuBefore);
  cpuTimes.push((user + system) / 1000);
}
/** Fused multiply-adds a second of one large matrix product: what this engine gets out of these cores at best. */
async function productPeak(): Promise<number> {
  const side = 1024;
  const spec: StepSpec = {
    name: 'product',
    feeds: { a: [side, side], b: [side, side] },
    reads: [],
    writes: [],
    results: ['sum'],
    constants: {},
    // A single number comes back, so that the product is what takes the time.
    program: ({ feeds }) => ({ state: {}, results: { sum: tf.sum(tf.matMul(feeds['a'] as tf.Tensor2D, feeds['b'] as tf.Tensor2D)) } }),
  };
  const state = engine.createState({});
  const step = await engine.compile(spec, state);
  const data = Float32Array.from({ length: side * side }, (_, index) => Math.sin(index));
  let best = Infinity;
  for (let turn = 0; turn < 8; turn++) {
    const before = performance.now();
    await step.run({ a: data, b: data });
    best = Math.min(best, performance.now() - before);
  }
  step.dispose();
  return side ** 3 / (best / 1000);
}

/** Forward, gradient of activations, gradient of weights: three products of the same size. A probe has the first alone. */
const products = (values.method === 'linear-probe' ? 1 : 3) * forwardMultiplications(base, { batchSize, imageSize });
const sorted = times.slice(2).sort((a, b) => a - b);
const medianMs = sorted[Math.floor(sorted.length / 2)] ?? 0;
console.log(
  JSON.stringify({
    medianMs,
    minMs: sorted[0],
    // With --threads 1 the figure that other work on the machine disturbs least (idle threads of the pool spin).
    minCpuMs: Math.min(...cpuTimes.slice(2)),
    imagesPerSecond: (1000 * batchSize) / medianMs,
    productsPerSecond: products / (medianMs / 1000),
    productPeak: await productPeak(),
    parseMs: parsed - started,
    compileMs: session.compileMs,
    firstStepMs: times[0],
    peakResidentBytes: process.resourceUsage().maxRSS * 1024,
  }),
);
session.dispose();
