/** @file What only engine `webgpu` has. Run by ../webgpu.test.ts in an environment with a GPU. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TapsError } from '../../../src-main/contract/errors.ts';
import type { FloatTensor } from '../../../src-main/contract/tensors.ts';
import type { TrainerEvent, TrainJob } from '../../../src-main/contract/trainer-protocol.ts';
import { trainConfigSchema } from '../../../src-main/contract/training.ts';
import { createEngine, describeEngines } from '../../../src-main/engine/index.ts';
import { tf } from '../../../src-main/engine/tfjs.ts';
import { traceStep } from '../../../src-main/engine/tracing/trace-step.ts';
import type { Engine, StepSpec } from '../../../src-main/engine/types.ts';
import { cutIntoSegments } from '../../../src-main/engine/webgpu/segments.ts';
import { decodeTaskFile } from '../../../src-main/formats/task-file.ts';
import { analyseBase } from '../../../src-main/graph/analyse/analyse-base.ts';
import { parseOnnx } from '../../../src-main/graph/parse-onnx.ts';
import { LoopControl } from '../../../src-main/trainer/control.ts';
import { runPredictJob } from '../../../src-main/trainer/predict-job.ts';
import { runTrainJob } from '../../../src-main/trainer/train-job.ts';
import { initialState, makePlan } from '../../../src-main/training/steps/plan.ts';
import { trainStepSpec } from '../../../src-main/training/steps/train-step.ts';
import { makeTinyRun, type TinyRun } from '../../helpers/tiny-run.ts';

const base = analyseBase(parseOnnx(readFileSync(new URL('../../fixtures/taps/record/convnet.onnx', import.meta.url))));
const plan = makePlan(base, trainConfigSchema.parse({ method: 'taps', batchSize: 4 }), 3);
const spec = trainStepSpec(plan, { batchSize: 4, imageSize: 12 });

function feedsFor({ feeds }: StepSpec): Record<string, Float32Array> {
  const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
  return Object.fromEntries(Object.entries(feeds).map(([name, shape]) => [name, Float32Array.from({ length: size(shape) }, (_, index) => (name.endsWith('Rate') ? 0.05 : name === 'labels' ? (index % 3 === 0 ? 1 : 0) : Math.sin(index * 0.7)))]));
}

/** State after some steps, by name, and the results of the last one. */
async function follow(engine: Engine, steps: number): Promise<Map<string, Float32Array>> {
  const start = initialState(plan);
  const state = engine.createState(Object.fromEntries(Object.entries(start).map(([name, { shape, data }]): [string, FloatTensor] => [name, { shape, data: data.slice() }])));
  const step = await engine.compile(spec, state);
  let results: Record<string, Float32Array> = {};
  for (let count = 0; count < steps; count++) results = await step.run(feedsFor(spec));
  const all = new Map(Object.entries(results));
  for (const name of state.names()) all.set(name, await state.read(name));
  step.dispose();
  state.dispose();
  return all;
}

function assertClose(actual: Map<string, Float32Array>, expected: Map<string, Float32Array>, tolerance: number): void {
  assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort());
  for (const [name, values] of expected) {
    const scale = Math.max(...values.map(Math.abs), 1e-3);
    const worst = Math.max(...values.map((value, index) => Math.abs(value - (actual.get(name)?.[index] ?? Number.NaN))));
    assert.ok(worst <= tolerance * scale, `${name} differs by ${String(worst)} of ${String(scale)}`);
  }
}

test('the report names the adapter', async () => {
  const { available, description } = (await describeEngines()).find(({ id }) => id === 'webgpu') ?? { available: false, description: '' };
  assert.ok(available, description);
  assert.match(description, /WebGPU: \S/);
});

test('a step that is cut into many submissions computes the same as the CPU', async () => {
  const { trace } = traceStep(spec, (await createEngine('onnxruntime', { threads: 1 })).createState(initialState(plan)), 'nchw');
  const limit = 1e-6;
  const segments = cutIntoSegments(trace, limit);
  assert.ok(segments.length > 20, `${String(segments.length)} segments`);
  for (const { trace: part, seconds } of segments) assert.ok(seconds <= limit || part.calls.length === 1 || part.calls.some(({ outputs }) => outputs.some(({ dtype }) => dtype !== 'float32')), 'only a single call, or one that may not be cut off, exceeds the limit');
  const cpu = await createEngine('onnxruntime', { threads: 1 });
  const whole = await createEngine('webgpu', { threads: 1 });
  // Milliseconds: some tens of segments.
  const cut = await createEngine('webgpu', { threads: 1, submissionMs: 0.01 });
  const expected = await follow(cpu, 3);
  assertClose(await follow(whole, 3), expected, 1e-4);
  assertClose(await follow(cut, 3), expected, 1e-4);
});

test('state: written, lent and read back between steps', async () => {
  const engine = await createEngine('webgpu', { threads: 1 });
  const state = engine.createState({ x: { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }, fixed: { shape: [], data: Float32Array.of(10) } });
  const step = await engine.compile({ name: 'add', feeds: { by: [] }, reads: ['x', 'fixed'], writes: ['x'], results: ['sum'], constants: {}, program: ({ feeds, state: { x, fixed } }) => {
    if (x === undefined || fixed === undefined || feeds['by'] === undefined) throw new Error('unreachable');
    const next = tf.add(tf.add(x, feeds['by']), fixed);
    return { state: { x: next }, results: { sum: tf.sum(next) } };
  } }, state);
  assert.deepEqual([...(await step.run({ by: Float32Array.of(1) }))['sum'] ?? []], [54]);
  assert.deepEqual([...(await state.read('x'))], [12, 13, 14, 15]);
  state.write('x', Float32Array.of(0, 0, 0, 1));
  state.lend('fixed', Float32Array.of(-1));
  assert.deepEqual([...(await state.read('x'))], [0, 0, 0, 1]);
  await step.run({ by: Float32Array.of(1) });
  await step.run({ by: Float32Array.of(2) });
  assert.deepEqual([...(await state.read('x'))], [1, 1, 1, 2]);
  assert.throws(() => { state.write('x', new Float32Array(3)); }, (error: unknown) => error instanceof TapsError && error.code === 'invalid-config');
  step.dispose();
  state.dispose();
  engine.dispose();
});

test('a device that is not there is refused by name', async () => {
  if (process.platform !== 'linux') return;
  await assert.rejects(createEngine('webgpu', { threads: 1, device: 'voodoo' }), (error: unknown) => error instanceof TapsError && error.code === 'invalid-config' && /no Vulkan driver 'voodoo'/.test(error.message));
});

describe('a whole run', () => {
  let tiny: TinyRun;
  before(async () => {
    tiny = await makeTinyRun();
  });
  after(() => {
    tiny.remove();
  });
  const learn = async (job: TrainJob, control = new LoopControl(), send: (event: TrainerEvent) => void = () => undefined): Promise<Extract<TrainerEvent, { kind: 'done' }>> => {
    const done = await runTrainJob(job, control, send);
    assert.equal(done.kind, 'done');
    return done;
  };

  test('learns what the CPU learns, goes on from a checkpoint, and predicts', async () => {
    const cpu = await learn(tiny.job({ epochs: 3 }, 'cpu'));
    const job = tiny.job({ epochs: 3, engine: 'webgpu' }, 'gpu');
    const gpu = await learn(job);
    for (const [index, epoch] of cpu.result.epochs.entries()) {
      const other = gpu.result.epochs[index];
      assert.ok(other !== undefined);
      assert.equal(other.openLayers, epoch.openLayers);
      assert.ok(Math.abs(other.trainLoss - epoch.trainLoss) < 1e-3 * epoch.trainLoss, `epoch ${String(index)}: ${String(other.trainLoss)}, on the CPU ${String(epoch.trainLoss)}`);
    }
    assert.deepEqual(gpu.result.test.confusion, cpu.result.test.confusion);
    assert.match(gpu.result.engine, /WebGPU/);
    const layersOf = (done: typeof cpu): boolean[] => decodeTaskFile(readFileSync(done.artifactPath)).layers.map(({ open }) => open);
    assert.deepEqual(layersOf(gpu), layersOf(cpu));

    const cut = tiny.job({ epochs: 3, engine: 'webgpu' }, 'gpu-cut');
    const control = new LoopControl();
    await assert.rejects(learn(cut, control, (event) => { if (event.kind === 'epoch' && event.metrics.epoch === 1) control.cancel(); }), (error: unknown) => error instanceof TapsError && error.code === 'cancelled');
    const resumed = await learn({ ...cut, resume: true });
    assert.deepEqual(resumed.result.test.confusion, gpu.result.test.confusion);
    assert.ok(Math.abs(resumed.result.validation.loss - gpu.result.validation.loss) < 1e-3);

    const indices = [0, 1, 2, 3, 4];
    const logits = async (engine: 'webgpu' | 'onnxruntime'): Promise<Float32Array> => {
      const event = await runPredictJob({ base: job.base, artifactPath: join(job.runFolder, 'task.safetensors'), preparedFolder: job.preparedFolder, indices, engine, threads: 1 });
      assert.equal(event.kind, 'predicted');
      return event.logits;
    };
    assertClose(new Map([['logits', await logits('webgpu')]]), new Map([['logits', await logits('onnxruntime')]]), 1e-4);
  });
});

// Last: a runtime whose memory ran out cannot be trusted any more, which is why runs go on in a fresh process.
test('a buffer that the GPU has no room for is out-of-memory', async () => {
  const engine = await createEngine('webgpu', { threads: 1 });
  const state = engine.createState({});
  const rows = 300_000;
  const step = await engine.compile({ name: 'wide', feeds: { a: [rows, 1], b: [1, 4000] }, reads: [], writes: [], results: ['sum'], constants: {}, program: ({ feeds: { a, b } }) => {
    if (a === undefined || b === undefined) throw new Error('unreachable');
    return { state: {}, results: { sum: tf.sum(tf.exp(tf.matMul(a, b))) } };
  } }, state);
  await assert.rejects(step.run({ a: new Float32Array(rows), b: new Float32Array(4000) }), (error: unknown) => error instanceof TapsError && error.code === 'out-of-memory');
});
