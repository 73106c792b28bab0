/** @file What people do, in the real Electron: first run to exported model, stop and resume, a draft that outlives a restart. */
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Locator } from 'playwright-core';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { prepareRuntime, ROOT } from './runtime.ts';
import { makeHome, startStudio, type Home, type StudioApp } from './studio-app.ts';

const runtime = await prepareRuntime();
const skip = typeof runtime === 'string' ? runtime : false;
const LONG_MS = 60_000;
let home: Home;
let studio: StudioApp;
/** What the page itself reported as wrong. */
const pageErrors: string[] = [];

async function start(): Promise<void> {
  assert.ok(typeof runtime !== 'string');
  studio = await startStudio(runtime, home);
  studio.page.on('pageerror', (error) => pageErrors.push(error.message));
  studio.page.on('console', (message) => {
    if (message.type() === 'error' && /content security policy/i.test(message.text())) pageErrors.push(message.text());
  });
}

before(async () => {
  if (typeof runtime === 'string') return;
  home = makeHome(runtime);
  await start();
});
after(async () => {
  if (typeof runtime === 'string') return;
  await studio.app.close();
  home.remove();
});

const button = (name: string | RegExp): Locator => studio.page.getByRole('button', { name });
const heading = (name: string | RegExp): Locator => studio.page.getByRole('heading', { name });

test('first run: one click to a run, its best so far, result, pictures, proven export on disk', { skip }, async () => {
  const { page } = studio;
  await button(/Learn .Emoji/).click();
  await page.waitForURL(/#\/run\//, { timeout: LONG_MS });
  await page.getByRole('grid', { name: /Layers/ }).waitFor({ timeout: LONG_MS });
  await button('Stop…').click();
  await button(/Finish with the best/).click();
  await button('See the result').click({ timeout: LONG_MS });
  await page.getByRole('grid', { name: 'Confusion matrix' }).waitFor();
  // A run that was ended early may know no picture of the first class.
  await page.getByRole('gridcell').getByRole('button', { name: / taken for .*: [1-9]/ }).first().click();
  await page.waitForFunction(() => [...document.images].some(({ src, complete, naturalWidth }) => src.startsWith('app://studio/picture/') && complete && naturalWidth > 0));
  await page.getByRole('link', { name: 'Export', exact: true }).click();
  await button('Export and prove').click();
  await heading(/^Proven/).waitFor({ timeout: LONG_MS });
  const [exported] = await studio.ask('export.list', {});
  assert.ok(exported !== undefined && exported.parity.maxAbsLogitDiff <= exported.parity.limit && exported.parity.top1Agreement === 1);
  const files = readdirSync(home.folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(exported.fileName));
  assert.equal(files.length, 1);
  assert.equal(statSync(join(home.folder, files[0] ?? '')).size, exported.bytes);
  assert.deepEqual(pageErrors, []);
});

test('a run is stopped for later and resumed', { skip }, async () => {
  const { page } = studio;
  const [task] = (await studio.ask('library.overview', {})).tasks;
  const run = await studio.ask('run.start', { taskId: task?.id ?? '', config: trainConfigSchema.parse({ method: 'taps', epochs: 500, threads: 1 }) });
  await goTo(`/run/${run.id}`);
  await page.getByRole('grid', { name: /Layers/ }).waitFor({ timeout: LONG_MS });
  await button('Stop…').click();
  await button(/Stop, resume later/).click();
  await button('Resume').waitFor({ timeout: LONG_MS });
  await goTo('/training');
  await button('Resume').first().click();
  await button('Pause').click({ timeout: LONG_MS });
  await button('Continue').click({ timeout: LONG_MS });
  await button('Stop…').click();
  await button(/Stop, resume later/).click();
  await button('Resume').first().waitFor({ timeout: LONG_MS });
});

test('a folder from the system’s dialog is inspected; the draft is there after a restart', { skip }, async () => {
  const folder = join(ROOT, 'resources', 'samples', 'emoji', 'train');
  await studio.app.evaluate(({ dialog }, path) => {
    dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [path] });
  }, folder);
  await goTo('/new');
  await button('Continue').click();
  await heading('What should it tell apart?').waitFor();
  await button(/Choose a folder/).click();
  await studio.page.getByText(/\d+ pictures in \d+ classes/).waitFor({ timeout: LONG_MS });
  // Written a moment after the last change.
  while (((await studio.ask('draft.get', {}))?.source ?? null) === null) await studio.page.waitForTimeout(100);
  await studio.app.close();
  await start();
  await goTo('/new');
  await studio.page.getByText('This is the draft you left').waitFor();
  await studio.page.getByText(/\d+ pictures in \d+ classes/).waitFor({ timeout: LONG_MS });
  assert.deepEqual(pageErrors, []);
});

async function goTo(path: string): Promise<void> {
  await studio.page.evaluate((hash) => {
    location.hash = hash;
  }, path);
}
