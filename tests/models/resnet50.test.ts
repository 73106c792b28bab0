/** @file A real ImageNet ResNet-50 (TensorFlow.js LayersModel, "caffe" preprocessing): imported, and right about a photograph. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { decodePicture } from '../../src-main/codec/decode-picture.ts';
import { PREPROCESSING_PRESETS } from '../../src-main/contract/preprocessing.ts';
import { evaluationCrop, renderCrop } from '../../src-main/core/augment.ts';
import { argMax } from '../../src-main/core/metrics.ts';
import { readSafetensors } from '../../src-main/formats/safetensors.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';
import { joinWeights } from '../../src-main/graph/topology.ts';
import { importModel } from '../../src-main/model-io/import-model.ts';

const model = process.env['TAPS_RESNET50_DIR'];
const photograph = fileURLToPath(new URL('../../../shared/data/flowers/test/daisy/0001.jpg', import.meta.url));

test('ResNet-50 of Keras is read whole and knows a daisy', async (t) => {
  if (model === undefined) {
    t.skip('needs a LayersModel of ResNet-50: set TAPS_RESNET50_DIR to its folder');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'taps-resnet50-'));
  try {
    const imported = await importModel({ path: model, outputFolder: folder });
    assert.equal(imported.summary.parameters, 25_636_712);
    assert.equal(imported.summary.gatedLayers, 53);
    assert.equal(imported.summary.features, 2048);
    assert.equal(imported.imageSize, 224);
    if (!existsSync(photograph)) {
      t.diagnostic(`no photograph at ${photograph}: the network's answer was not checked`);
      return;
    }
    const graph = joinWeights(readFileSync(imported.graphPath), readSafetensors(readFileSync(imported.weightsPath)).tensors);
    const preprocessing = { ...PREPROCESSING_PRESETS.caffe, imageSize: 224 };
    const picture = await decodePicture(readFileSync(photograph), preprocessing);
    const input = new Float32Array(3 * 224 * 224);
    renderCrop(picture, evaluationCrop(picture, preprocessing), false, preprocessing, input, 0);
    const session = await ort.InferenceSession.create(serializeOnnx(graph));
    const outputs = await session.run({ [session.inputNames[0] ?? '']: new ort.Tensor('float32', input, [1, 3, 224, 224]) });
    const probabilities = outputs[session.outputNames[0] ?? '']?.data as Float32Array;
    const labels = JSON.parse(readFileSync(join(model, 'labels.json'), 'utf8')) as Record<string, string>;
    assert.equal(labels[String(argMax(probabilities))], 'daisy');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
