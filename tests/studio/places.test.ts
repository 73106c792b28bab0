/** @file What a person chooses and sets: grants, looking through folders, drafts, settings, long operations, the report. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { DEFAULT_SETTINGS } from '../../src-main/contract/studio/app.ts';
import type { Draft } from '../../src-main/contract/studio/images.ts';
import { anonymous } from '../../src-main/studio/report.ts';
import { fileStem } from '../../src-main/studio/task-folders.ts';
import { operation, quickConfig, StudioPlace } from './harness.ts';

function placeOf(t: TestContext): StudioPlace {
  const place = new StudioPlace();
  t.after(() => place.remove());
  return place;
}

const draftOf = (source: Draft['source']): Draft => ({ step: 'images', baseId: null, name: 'Größe 🐘', source, seed: 7, validation: 0.1, test: 0.2, excluded: ['a/1.png'], config: quickConfig() });

test('a grant is an unguessable token for a real path; the same file has one', async (t) => {
  const place = placeOf(t);
  const harness = await place.start();
  const file = join(place.folder, 'model.onnx');
  writeFileSync(file, 'x');
  symlinkSync(file, join(place.folder, 'link.onnx'));
  const grant = await harness.studio.grants.add(file);
  assert.match(grant.token, /^[\w-]{43}$/);
  assert.deepEqual({ ...grant, token: '' }, { token: '', name: 'model.onnx', displayPath: file, kind: 'file', bytes: 1, content: 'model' });
  assert.deepEqual(await harness.studio.grants.add(join(place.folder, 'link.onnx')), grant);
  assert.equal((await harness.studio.grants.add(place.folder)).kind, 'folder');
  await assert.rejects(harness.studio.grants.add(join(place.folder, 'nothing')), { code: 'not-found' });
  assert.equal((await harness.refusal('base.import', { file: 'A'.repeat(43), operationId: operation() })).code, 'not-found');
  assert.equal((await harness.refusal('base.import', { file: grant.token, operationId: operation() })).code, 'model-malformed');
});

test('dialogs where there are some, folders where there are none, never both', async (t) => {
  const place = placeOf(t);
  mkdirSync(join(place.folder, 'pictures', 'cats'), { recursive: true });
  for (const name of ['a.csv', 'b.zip', 'c.png', 'd.onnx', '.hidden']) writeFileSync(join(place.folder, 'pictures', name), 'x');
  const served = await place.start();
  const { token } = await served.studio.grants.add(join(place.folder, 'pictures'));
  const names = async (purpose: 'images-file' | 'pictures' | 'model' | 'images-folder'): Promise<string[]> => (await served.ask('files.browse', { folder: token, purpose })).entries.map(({ name }) => name);
  assert.deepEqual(await names('images-file'), ['cats', 'a.csv', 'b.zip']);
  assert.deepEqual(await names('pictures'), ['cats', 'c.png']);
  assert.deepEqual(await names('model'), ['cats', 'd.onnx']);
  assert.deepEqual(await names('images-folder'), ['cats']);
  const home = await served.ask('files.browse', { folder: null, purpose: 'images-folder' });
  assert.equal(home.folder.kind, 'folder');
  assert.equal((await served.ask('files.browse', { folder: token, purpose: 'model' })).parent?.displayPath, place.folder);
  assert.equal((await served.refusal('files.choose', { purpose: 'model' })).code, 'usage');
  await served.studio.close();
  const asked: [string, boolean][] = [];
  const desktop = await place.start({
    transport: 'electron',
    platform: {
      choose: (purpose, many) => {
        asked.push([purpose, many]);
        return Promise.resolve([join(place.folder, 'pictures', 'c.png')]);
      },
    },
  });
  assert.deepEqual((await desktop.ask('files.choose', { purpose: 'pictures', many: true })).map(({ name }) => name), ['c.png']);
  assert.deepEqual(asked, [['pictures', true]]);
  assert.equal((await desktop.refusal('files.browse', { folder: null, purpose: 'model' })).code, 'usage');
});

test('a draft survives a restart with a fresh grant of its source, and without it when that is gone', async (t) => {
  const place = placeOf(t);
  const pictures = join(place.folder, 'pictures');
  mkdirSync(pictures);
  let harness = await place.start();
  assert.equal(await harness.ask('draft.get', {}), null);
  const grant = await harness.studio.grants.add(pictures);
  const draft = draftOf({ kind: 'granted', token: grant.token, displayPath: 'whatever the window says', name: 'x' });
  await harness.ask('draft.save', draft);
  assert.deepEqual(await harness.ask('draft.get', {}), { ...draft, source: { kind: 'granted', token: grant.token, displayPath: pictures, name: 'pictures' } });
  assert.equal((await harness.refusal('draft.save', draftOf({ kind: 'granted', token: 'B'.repeat(43), displayPath: '/etc/passwd', name: 'x' }))).code, 'not-found');
  await harness.studio.close();
  harness = await place.start();
  const restored = (await harness.ask('draft.get', {}))?.source;
  assert.ok(restored?.kind === 'granted' && restored.token !== grant.token && restored.displayPath === pictures);
  rmSync(pictures, { recursive: true });
  assert.deepEqual(await harness.ask('draft.get', {}), { ...draft, source: null });
  await harness.ask('draft.save', draftOf({ kind: 'sample', id: 'emoji' }));
  assert.deepEqual((await harness.ask('draft.get', {}))?.source, { kind: 'sample', id: 'emoji' });
  await harness.ask('draft.discard', {});
  assert.equal(await harness.ask('draft.get', {}), null);
});

test('settings stay; a damaged file gives defaults and is kept aside', async (t) => {
  const place = placeOf(t);
  let harness = await place.start();
  assert.deepEqual((await harness.ask('app.state', {})).settings, DEFAULT_SETTINGS);
  assert.deepEqual(await harness.ask('settings.change', { theme: 'dark', threads: 3 }), { ...DEFAULT_SETTINGS, theme: 'dark', threads: 3 });
  assert.ok(harness.events.some((event) => event.name === 'settings.changed' && event.payload.theme === 'dark'));
  const wrong = await harness.refusal('settings.change', { threads: -1 });
  assert.deepEqual([wrong.code, wrong.details], ['invalid-config', { path: 'threads' }]);
  await harness.studio.close();
  const file = join(place.folder, 'settings', 'settings.json');
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), engine: 'abacus', fromLater: true }));
  harness = await place.start();
  assert.deepEqual((await harness.ask('app.state', {})).settings, { ...DEFAULT_SETTINGS, theme: 'dark', threads: 3 }, 'what is right in it is kept');
  await harness.studio.close();
  writeFileSync(file, '{"theme": "da');
  harness = await place.start();
  assert.deepEqual((await harness.ask('app.state', {})).settings, DEFAULT_SETTINGS);
  assert.ok(readdirSync(join(place.folder, 'settings')).includes('settings.damaged.json'));
});

test('a long request can be cancelled, and its id is taken while it goes', async (t) => {
  const place = placeOf(t);
  const harness = await place.start();
  const base = await harness.ask('base.importEmbedded', { operationId: operation() });
  const operationId = operation();
  const input = { source: { kind: 'sample' as const, id: 'emoji' }, baseId: base.id, seed: 1, validation: 0.15, test: 0, operationId };
  const inspecting = harness.refusal('images.inspect', input);
  assert.equal((await harness.refusal('images.inspect', input)).code, 'usage');
  assert.equal(harness.studio.busy(), true);
  assert.deepEqual(await harness.ask('operation.cancel', { operationId }), { found: true });
  assert.equal((await inspecting).code, 'cancelled');
  assert.deepEqual(await harness.ask('operation.cancel', { operationId }), { found: false });
  assert.equal((await harness.ask('images.inspect', input)).classes.length > 1, true, 'the id is free again');
  assert.equal((await harness.refusal('images.inspect', { ...input, source: { kind: 'sample', id: '../scripts' } })).code, 'not-found');
});

test('the report tells versions and engines, and nothing about the person', async (t) => {
  const place = placeOf(t);
  const logFile = join(place.folder, 'main.log');
  writeFileSync(logFile, `${Array.from({ length: 300 }, (_, line) => `line ${String(line)}`).join('\n')}\nread ${homedir()}/Holiday/beach party.jpg and ${homedir()}/x by ${userInfo().username}\n`);
  const harness = await place.start({ platform: { logFile } });
  const { fileName, text } = await harness.ask('app.report', {});
  assert.match(fileName, /^taps-studio-report-\d{4}-\d\d-\d\d\.txt$/);
  assert.match(text, /better-sqlite3 \d/);
  assert.match(text, /onnxruntime: available/);
  assert.ok(text.includes('line 299') && !text.includes('line 99\n'));
  assert.ok(!text.includes(`${homedir()}/`) && !text.includes('party.jpg'), text.slice(-200));
  assert.equal(anonymous('C:\\Users\\Ann Lee\\a.png by ann lee, not Annabel', 'C:\\Users\\Ann Lee', 'Ann Lee'), '~\\(picture) by ~, not Annabel');
  const machine = await harness.ask('machine.check', { operationId: operation() });
  assert.ok(machine.engines.length >= 3 && machine.library.error === null && machine.library.folder === place.libraryFolder);
});

test('names of tasks become names of files that every system takes', () => {
  assert.deepEqual(['a/b:c', '..', ' .hidden ', 'Größe 🐘', '\u0000'].map(fileStem), ['a-b-c', 'task', 'hidden', 'Größe 🐘', '-']);
});
