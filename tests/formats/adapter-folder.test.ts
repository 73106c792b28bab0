/** @file Adapter folders: pack, unpack, and refusal of altered ones. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import { packAdapter, unpackAdapter } from '../../src-main/formats/adapter-folder.ts';
import { encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { nodeFileSystem } from '../../src-main/platform/file-system.ts';
import { failingFileSystem } from '../platform/failing-file-system.ts';
import { sampleArtifact, sampleBaseId, temporaryFolder } from '../library/sample-library.ts';

const coded = (code: ErrorCode, pattern = /./) => (error: unknown): boolean => error instanceof TapsError && error.code === code && pattern.test(error.message);
const options = { artifactBytes: encodeTaskFile(sampleArtifact()), taskName: 'my | <task>', baseName: 'tiny "one"', testAccuracy: 0.875 };

test('a packed task has three files and unpacks to the same bytes', async (t) => {
  const folder = join(temporaryFolder(t), 'adapter');
  await packAdapter(folder, options);
  assert.deepEqual(readdirSync(folder).sort(), ['README.md', 'adapter_model.safetensors', 'taps_config.json']);
  const { config, artifact, artifactBytes } = await unpackAdapter(folder, sampleBaseId());
  assert.deepEqual(new Uint8Array(artifactBytes), options.artifactBytes);
  assert.deepEqual(artifact, sampleArtifact());
  assert.deepEqual([config.task_name, config.base_model_name_or_path, config.test_accuracy, config.layers_open, config.layers_total], ['my | <task>', 'tiny "one"', 0.875, 1, 2]);
  const card = readFileSync(join(folder, 'README.md'), 'utf8');
  assert.match(card, /^---\nlicense: other\n/);
  assert.match(card, /\nbase_model: "tiny \\"one\\""\nbase_model_relation: adapter\n/);
  assert.match(card, /\| conv2\.weight \| 16 \| 0\.3000 \| yes \| 64 \|/);
  assert.match(card, /87\.50 %/);
  assert.match(card, /\n# my \\\| \\<task\\>\n/);
});

test('another base is refused by its hash, an existing folder is not touched', async (t) => {
  const folder = join(temporaryFolder(t), 'adapter');
  await packAdapter(folder, options);
  await assert.rejects(unpackAdapter(folder, sampleBaseId(1)), coded('base-mismatch', /tiny/));
  await assert.rejects(packAdapter(folder, options), coded('already-exists'));
  assert.equal((await unpackAdapter(folder, null)).config.base_sha256, sampleBaseId());
});

test('altered folders are refused', async (t) => {
  const folder = join(temporaryFolder(t), 'adapter');
  await packAdapter(folder, options);
  const configPath = join(folder, 'taps_config.json');
  const weightsPath = join(folder, 'adapter_model.safetensors');
  const config = readFileSync(configPath, 'utf8');
  const edit = (key: string, value: unknown): string => JSON.stringify({ ...(JSON.parse(config) as object), [key]: value });
  for (const text of ['', '[]', '{', edit('method', 'norm-head'), edit('layers_open', 2), edit('parameters', 1), edit('taps_format', '2'), edit('weights_bytes', 10), edit('weights_sha256', '0'.repeat(64)), edit('test_accuracy', 2)]) {
    writeFileSync(configPath, text);
    await assert.rejects(unpackAdapter(folder, null), coded('model-malformed'), text);
  }
  writeFileSync(configPath, edit('base_sha256', sampleBaseId(1)));
  await assert.rejects(unpackAdapter(folder, sampleBaseId(1)), coded('model-malformed', /base_sha256/));
  writeFileSync(configPath, config);
  writeFileSync(weightsPath, options.artifactBytes.map((byte, index) => (index === 900 ? byte ^ 1 : byte)));
  await assert.rejects(unpackAdapter(folder, null), coded('model-malformed'));
  rmSync(weightsPath);
  await assert.rejects(unpackAdapter(folder, null), coded('not-found', /adapter_model/));
});

test('packing fails at every file operation without leaving a folder, then succeeds', async (t) => {
  const parent = temporaryFolder(t);
  const folder = join(parent, 'adapter');
  for (let failAt = 1; ; failAt++) {
    const { fileSystem, hasFailed } = failingFileSystem(nodeFileSystem, failAt, 'ENOSPC');
    const done = await packAdapter(folder, options, fileSystem).then(() => true, coded('disk-full'));
    assert.ok(done);
    if (!hasFailed()) break;
    assert.deepEqual(readdirSync(parent), [], `operation ${String(failAt)}`);
    assert.ok(failAt < 100);
  }
  await unpackAdapter(folder, sampleBaseId());
});
