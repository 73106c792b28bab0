/** @file axe on every screen, light and dark, wide and narrow: no serious or critical finding, and nothing wider than the window. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { axeFindings, BrowserStudio, goTo } from './harness.ts';

const opened = await BrowserStudio.open();
const skip = typeof opened === 'string' ? opened : false;
const LONG_MS = 90_000;
let taskId = '';
let runId = '';
let baseId = '';
function the(): BrowserStudio {
  assert.ok(typeof opened !== 'string');
  return opened;
}
after(async () => {
  if (typeof opened !== 'string') await opened.close();
});

/** A learnt task with two results, and a draft half-way through the wizard. */
before(async () => {
  if (typeof opened === 'string') return;
  const base = await the().ask('base.importEmbedded', { operationId: 'axe-import-1' });
  baseId = base.id;
  const found = await the().ask('images.inspect', { source: { kind: 'sample', id: 'emoji' }, baseId, seed: 0, validation: 0.15, test: 0.15, operationId: 'axe-inspect-1' });
  taskId = (await the().ask('task.create', { name: 'Emoji <b>with</b> a long name مرحبا 🦄 that goes on and on', baseId, inspectionId: found.id, excluded: [], operationId: 'axe-create-1' })).id;
  for (const method of ['taps', 'linear-probe'] as const) {
    const config = trainConfigSchema.parse({ method, epochs: 2, warmupEpochs: 0, batchSize: 32, learningRate: 0.05 });
    runId = (await the().ask('run.start', { taskId, config })).id;
  }
  while ((await the().ask('run.list', {})).some(({ status }) => status !== 'done')) await new Promise((resolve) => setTimeout(resolve, 200));
});

async function look(page: Page, what: string): Promise<void> {
  assert.deepEqual(await axeFindings(page), [], what);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${what} is ${String(overflow)} pixels wider than the window`);
}

for (const theme of ['light', 'dark'] as const) {
  for (const [width, height] of [[1280, 800], [1000, 700]] as const) {
    test(`every screen, ${theme}, ${String(width)} × ${String(height)}`, { skip, timeout: LONG_MS }, async () => {
      await the().ask('settings.change', { theme, welcomed: true });
      await the().ask('draft.save', { step: 'images', baseId, name: 'Draft', source: { kind: 'sample', id: 'drawings' }, seed: 0, validation: 0.15, test: 0.15, excluded: [], config: trainConfigSchema.parse({ method: 'taps' }) });
      const page = await the().page(width, height);
      const screens = ['/library', '/training', `/run/${runId}`, `/task/${taskId}`, `/task/${taskId}/frontier`, `/task/${taskId}/train`, `/task/${taskId}/export`, `/task/${taskId}/about`, `/base/${baseId}`, '/compare', '/settings'];
      for (const path of screens) {
        await goTo(page, path);
        await page.waitForTimeout(300);
        await look(page, `${path} ${theme}`);
      }
      await goTo(page, '/new');
      await page.getByText('400 pictures in 8 classes').waitFor();
      await look(page, 'the wizard’s pictures');
      for (const step of ['Tune', 'Train', 'Base']) {
        await page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: step }).click();
        await look(page, `the wizard’s ${step}`);
      }
      await goTo(page, '/library');
      await page.getByRole('button', { name: /More actions for Emoji/ }).click();
      await page.getByRole('menu').waitFor();
      await look(page, 'an open menu');
      await page.keyboard.press('Escape');
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
      await look(page, 'the list of shortcuts');
      await page.keyboard.press('Escape');
      await the().ask('settings.change', { libraryView: 'table' });
      await page.getByRole('table').waitFor();
      await look(page, 'the library as a table');
      await the().ask('settings.change', { libraryView: 'cards' });
      await page.close();
      assert.deepEqual(the().pageErrors, []);
    });
  }
}

test('the welcome, light and dark', { skip, timeout: LONG_MS }, async () => {
  const fresh = await BrowserStudio.open();
  assert.ok(typeof fresh !== 'string');
  try {
    for (const theme of ['light', 'dark'] as const) {
      await fresh.ask('settings.change', { theme });
      const page = await fresh.page();
      await look(page, `the welcome, ${theme}`);
      await page.close();
    }
  } finally {
    await fresh.close();
  }
});
