/** @file Which GPU a person may ask for, by engine, and what is refused; the same on the command line. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import { chooseDevice, vulkanDrivers } from '../../src-main/engine/device.ts';
import { taps } from '../e2e/run-taps.ts';

const VARIABLES = ['CUDA_VISIBLE_DEVICES', 'VK_DRIVER_FILES', 'VK_ICD_FILENAMES'];
const before = VARIABLES.map((name) => process.env[name]);
afterEach(() => {
  VARIABLES.forEach((name, index) => {
    const value = before[index];
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  });
});

const refused = (words: RegExp) => (error: unknown): boolean => error instanceof TapsError && error.code === 'invalid-config' && words.test(error.message);

test('tensorflow takes what CUDA_VISIBLE_DEVICES takes', () => {
  for (const device of ['0', '1,0', 'GPU-5b1c2d3e-0000-1111-2222-333344445555', 'MIG-GPU-5b1c2d3e/1/0']) {
    chooseDevice('tensorflow', device);
    assert.equal(process.env['CUDA_VISIBLE_DEVICES'], device);
  }
  for (const device of ['first', '-1', '0;rm', 'nvidia']) assert.throws(() => { chooseDevice('tensorflow', device); }, refused(/no device/));
});

test('webgpu on Linux takes a Vulkan driver by name or by file', (t) => {
  if (process.platform !== 'linux') {
    t.skip('the choice of a Vulkan driver is for Linux');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'taps-icd-'));
  try {
    const files = ['nvidia_icd.json', 'radeon_icd.x86_64.json'].map((name) => join(folder, name));
    for (const file of files) writeFileSync(file, '{}');
    process.env['VK_DRIVER_FILES'] = files.join(':');
    assert.deepEqual(vulkanDrivers(), files);
    chooseDevice('webgpu', 'Radeon');
    assert.equal(process.env['VK_DRIVER_FILES'], files[1]);
    assert.equal(process.env['VK_ICD_FILENAMES'], files[1], 'older loaders read this one');
    process.env['VK_DRIVER_FILES'] = files.join(':');
    chooseDevice('webgpu', files[0]);
    assert.equal(process.env['VK_DRIVER_FILES'], files[0]);
    assert.throws(() => { chooseDevice('webgpu', 'voodoo'); }, refused(/no Vulkan driver 'voodoo'/));
    assert.throws(() => { chooseDevice('webgpu', join(folder, 'none.json')); }, refused(/no Vulkan driver/));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('engines without devices refuse one, and none is always fine', () => {
  assert.throws(() => { chooseDevice('onnxruntime', '0'); }, refused(/computes on the CPU/));
  for (const engine of ['onnxruntime', 'webgpu', 'tensorflow', 'reference'] as const) {
    chooseDevice(engine, undefined);
    chooseDevice(engine, '');
  }
});

test('taps --device with an engine for CPUs is wrong usage', async () => {
  const { code, err } = await taps('train', 'x', '--device', '1');
  assert.equal(code, 2);
  assert.match(err, /--device 1 names a GPU, and the engine onnxruntime computes on the CPU/);
  const explicit = await taps('predict', 'x', 'y.png', '--engine', 'reference', '--device', '1');
  assert.equal(explicit.code, 2);
  assert.match(explicit.err, /the engine reference/);
});
