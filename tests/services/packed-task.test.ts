/** @file A task as one file: packed and taken in, the same bytes again, readable by other programs; nothing is left of a refused one. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import { encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { packTask, unpackTask } from '../../src-main/services/adapter.ts';
import { openLibrary, type Library } from '../../src-main/services/open-library.ts';
import { storedZip } from '../../src-main/services/stored-zip.ts';
import { addSampleTask, sampleArtifact, sampleBase, temporaryFolder } from '../library/sample-library.ts';

interface Setting {
  folder: string;
  /** Has the task `animals`, learnt. */
  library: Library;
  /** Has the same base and nothing else. */
  other: Library;
  /** Another one, empty. */
  make: (name: string) => Library;
}

async function setting(test: TestContext): Promise<Setting> {
  const open: Library[] = [];
  // Before the folder goes: hooks run in the order they were made.
  test.after(() => {
    for (const library of open) library.close();
  });
  const folder = temporaryFolder(test);
  const make = (name: string): Library => {
    const library = openLibrary(join(folder, name), { create: true });
    open.push(library);
    return library;
  };
  const [library, other] = [make('one'), make('two')];
  const task = await addSampleTask(library);
  await library.deltas.commit({ taskId: task.id, runId: null, artifact: encodeTaskFile(sampleArtifact()), testAccuracy: 0.75 });
  await other.bases.add(sampleBase());
  return { folder, library, other, make };
}

const coded = (code: ErrorCode, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof TapsError && error.code === code, String(error));
  assert.match(error.message, words);
  assert.ok(error.advice !== '');
  return true;
};
const incoming = ({ cacheFolder }: Library): string[] => (existsSync(join(cacheFolder, 'incoming')) ? readdirSync(join(cacheFolder, 'incoming')) : []);

test('packed as one file and taken in elsewhere, byte for byte; packed again it is the same file', async (t) => {
  const { folder, library, other } = await setting(t);
  const file = join(folder, 'sent', 'Tiere 🦊.taps');
  const { path, config } = await packTask(library, 'animals', file, null);
  assert.deepEqual([path, config.task_name, config.test_accuracy], [file, 'animals', 0.75]);
  assert.deepEqual(readdirSync(join(folder, 'sent')), ['Tiere 🦊.taps']);
  await assert.rejects(packTask(library, 'animals', file, null), coded('already-exists', /Tiere/));
  const { task, delta } = await unpackTask(other, file, undefined);
  assert.deepEqual([task.name, delta.testAccuracy, task.classNames], ['animals', 0.75, ['cat', 'dog', 'emu']]);
  assert.deepEqual(await other.deltas.readBytes(delta), encodeTaskFile(sampleArtifact()));
  assert.deepEqual(incoming(other), []);
  const again = join(folder, 'again.taps');
  await packTask(other, 'animals', again, null);
  assert.deepEqual(readFileSync(again), readFileSync(file));
});

test('a file that is cut off, changed, of another kind or of another base is refused and leaves nothing', async (t) => {
  const { folder, library, other, make } = await setting(t);
  const file = join(folder, 'animals.taps');
  await packTask(library, 'animals', file, null);
  const whole = readFileSync(file);
  const broken = join(folder, 'broken.taps');
  const refused = async (bytes: Uint8Array, words: RegExp): Promise<void> => {
    writeFileSync(broken, bytes);
    await assert.rejects(unpackTask(other, broken, undefined), coded('model-malformed', words));
    assert.deepEqual([other.tasks.list(), incoming(other)], [[], []]);
  };
  for (const share of [0, 0.1, 0.5, 0.9, 0.99]) await refused(whole.subarray(0, Math.floor(whole.length * share)), /broken\.taps is not a packed task.*no zip archive/);
  const flipped = Buffer.from(whole);
  flipped[2000] = (flipped[2000] ?? 0) ^ 1;
  await refused(flipped, /broken\.taps is not a packed task.*checksum/);
  // A whole archive whose parts do not belong together.
  const weights = { name: 'adapter_model.safetensors', bytes: Buffer.from('x') };
  const config = { name: 'taps_config.json', bytes: Buffer.from('x') };
  await refused(Buffer.concat(storedZip([weights, config])), /broken\.taps is not a valid packed task: taps_config\.json is not JSON/);
  await refused(Buffer.concat(storedZip([config])), /has no adapter_model\.safetensors/);
  const stranger = make('three');
  await assert.rejects(unpackTask(stranger, file, undefined), coded('base-mismatch', /"tiny"/));
  assert.deepEqual(incoming(stranger), []);
});

test('other programs can open it', async (t) => {
  const { folder, library } = await setting(t);
  const file = join(folder, 'animals.taps');
  await packTask(library, 'animals', file, null);
  const python = spawnSync('python3', ['-c', 'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print("\\n".join(z.namelist()))', file], { encoding: 'utf8' });
  if (python.error !== undefined) {
    t.skip('needs python3 as another reader of archives');
    return;
  }
  assert.equal(python.stdout.trim(), 'adapter_model.safetensors\ntaps_config.json\nREADME.md', python.stderr);
});

test('the folder form stays as it was', async (t) => {
  const { folder, library, other } = await setting(t);
  const target = join(folder, 'animals-adapter');
  mkdirSync(join(folder, 'x.taps'));
  await packTask(library, 'animals', target, null);
  assert.deepEqual(readdirSync(target).sort(), ['README.md', 'adapter_model.safetensors', 'taps_config.json']);
  assert.equal((await unpackTask(other, target, 'kept')).task.name, 'kept');
  await assert.rejects(unpackTask(other, join(folder, 'x.taps'), undefined), coded('not-found', /taps_config\.json/));
});
