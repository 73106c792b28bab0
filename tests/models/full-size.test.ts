/** @file torchvision's own networks in full size, exported on the spot where PyTorch is installed: read, trained a step, folded. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as ort from 'onnxruntime-node';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { applyArtifact } from '../../src-main/graph/merge/apply-artifact.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { createTrainingSession } from '../../src-main/training/session.ts';

const python = process.env['TAPS_PYTHON'] ?? '/usr/bin/python3';
const missing = spawnSync(python, ['-c', 'import torch, torchvision, onnx']).status === 0 ? null : `needs PyTorch, torchvision and onnx for ${python} (Debian: python3-torch python3-torchvision python3-onnx)`;
const folder = mkdtempSync(join(tmpdir(), 'taps-full-size-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const EXPORT = `
import sys, warnings, torch, torchvision
warnings.filterwarnings("ignore")
torch.set_num_threads(1)
name, path = sys.argv[1:]
make = {"resnet18": torchvision.models.resnet18, "densenet121": torchvision.models.densenet121,
        "vit": lambda: torchvision.models.VisionTransformer(image_size=64, patch_size=16, num_layers=12, num_heads=6, hidden_dim=384, mlp_dim=1536)}[name]
torch.manual_seed(0)
model = make()
torch.onnx.export(model, torch.zeros(2, 3, 64, 64), path, opset_version=13, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
                  input_names=["input"], output_names=["output"], dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})
`;

/** Convolutions and matrix products outside the head. */
const LAYERS = { resnet18: 20, densenet121: 120, vit: 49 };

for (const [name, layers] of Object.entries(LAYERS)) {
  test(`${name}: ${String(layers)} layers, a step, a merged model`, async (t) => {
    if (missing !== null) {
      t.skip(missing);
      return;
    }
    const path = join(folder, `${name}.onnx`);
    const exported = spawnSync(python, ['-c', EXPORT, name, path], { encoding: 'utf8' });
    assert.equal(exported.status, 0, exported.stderr);
    const base = analyseBase(parseOnnx(readFileSync(path)));
    assert.equal(base.parameters.filter(({ role }) => role === 'gated').length, layers);
    const engine = await createEngine('onnxruntime', { threads: 0 });
    const session = await createTrainingSession({
      engine,
      base,
      baseId: '0'.repeat(64),
      config: trainConfigSchema.parse({ method: 'taps', batchSize: 4 }),
      classNames: ['a', 'b'],
      preprocessing: { imageSize: 64, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
    });
    const images = Float32Array.from({ length: 4 * 3 * 64 * 64 }, (_, index) => Math.sin(index * (0.1 + 0.2 * Math.floor(index / 12288))));
    const labels = Float32Array.of(1, 0, 0, 1, 1, 0, 0, 1);
    for (let step = 0; step < 2; step++) await session.trainStep({ images, labels }, { learningRate: 0.01, scoreLearningRate: 0.01, lambda: 1 });
    const artifact = session.artifactOf(await session.snapshot());
    const library = await session.evaluateStep(images);
    const merged = await ort.InferenceSession.create(serializeOnnx(applyArtifact(base, artifact)));
    const output = (await merged.run({ [merged.inputNames[0] ?? '']: new ort.Tensor('float32', images, [4, 3, 64, 64]) }))['logits']?.data as Float32Array;
    const worst = Math.max(...library.map((value, index) => Math.abs(value - (output[index] ?? Number.NaN))));
    assert.ok(worst <= 1e-4 * Math.max(1, ...library.map(Math.abs)), `logits differ by ${String(worst)}`);
    session.dispose();
    engine.dispose();
  });
}
