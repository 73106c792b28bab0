/** @file Several seeds and λ in a real browser: typed, started as one job, stopped, gone on with; means and error bars; axe in both themes. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axeFindings, BrowserStudio, goTo } from './harness.ts';

const opened = await BrowserStudio.open();
const skip = typeof opened === 'string' ? opened : false;
/** Some short runs on a machine that may be busy. */
const LONG_MS = 400_000;
let taskId = '';
function the(): BrowserStudio {
  assert.ok(typeof opened !== 'string');
  return opened;
}
after(async () => {
  if (typeof opened !== 'string') await opened.close();
});
before(
  async () => {
    if (typeof opened === 'string') return;
    await the().ask('settings.change', { welcomed: true });
    const base = await the().ask('base.importEmbedded', { operationId: 'sweeps-import' });
    const found = await the().ask('images.inspect', { source: { kind: 'sample', id: 'emoji' }, baseId: base.id, seed: 0, validation: 0.15, test: 0.15, operationId: 'sweeps-inspect' });
    taskId = (await the().ask('task.create', { name: 'Emoji', baseId: base.id, inspectionId: found.id, excluded: [], operationId: 'sweeps-create' })).id;
  },
  { timeout: LONG_MS },
);

test('several seeds and λ are typed, repeated ones left out with a word, and started as one job that stops and goes on', { skip, timeout: LONG_MS }, async () => {
  const page = await the().page();
  await goTo(page, `/task/${taskId}/train`);
  await page.getByLabel('Epochs', { exact: true }).fill('2');
  await page.locator('summary', { hasText: 'Several seeds' }).click();
  await page.getByLabel('Seeds', { exact: true }).fill('0, one');
  await page.getByText('“one” is not a whole number').waitFor();
  assert.equal(await page.getByRole('button', { name: /^Start/ }).isEnabled(), false);
  await page.getByLabel('Seeds', { exact: true }).fill('0, 1, 1');
  await page.getByLabel('Several λ').fill('0.3, 3');
  await page.getByText('Named twice, learnt once: seed 1.').waitFor();
  await page.getByRole('button', { name: 'Start 4 runs' }).click();
  await page.getByRole('heading', { name: 'Sweep of Emoji' }).waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Unfinished', { exact: true }).waitFor({ timeout: LONG_MS });
  await goTo(page, '/training');
  await page.getByRole('heading', { name: '1 sweep is unfinished' }).waitFor();
  assert.deepEqual(await axeFindings(page), []);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('link', { name: 'Sweep: Emoji' }).click();
  await page.getByText('4 of 4 runs done').waitFor({ timeout: LONG_MS });
  await page.getByText('Done', { exact: true }).first().waitFor();
  await page.getByRole('cell', { name: /%\s±\s\d/ }).first().waitFor();
  await page.close();
  assert.deepEqual(the().pageErrors, []);
});

test('a setting with several seeds is one mark with an error bar and one row that opens; axe finds nothing in light and dark', { skip, timeout: LONG_MS }, async () => {
  const [sweep] = await the().ask('sweep.list', {});
  for (const [theme, width, height] of [['light', 1280, 800], ['dark', 1000, 700]] as const) {
    await the().ask('settings.change', { theme });
    const page = await the().page(width, height);
    for (const path of [`/sweep/${sweep?.id ?? ''}`, `/task/${taskId}/train`, `/task/${taskId}/frontier`, '/compare']) {
      await goTo(page, path);
      await page.waitForTimeout(800);
      if (path.endsWith('train')) await page.locator('summary', { hasText: 'Several seeds' }).click();
      assert.deepEqual(await axeFindings(page), [], `${path} ${theme}`);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)) <= 0, `${path} is wider than the window`);
    }
    const marks = page.getByRole('group', { name: 'Accuracy against bytes' });
    assert.equal(await marks.getByRole('button').count(), 2);
    assert.equal(await marks.locator('path.bars').count(), 2);
    assert.match((await marks.getByRole('button').first().getAttribute('aria-label')) ?? '', /mean of 2 seeds \(0, 1\), 95 % interval.*worst class/);
    const rows = page.getByRole('region', { name: 'All results' }).getByRole('row');
    assert.equal(await rows.count(), 3);
    await page.getByRole('button', { name: /^Single runs of Emoji, TAPS, λ 0.3/ }).click();
    assert.equal(await rows.count(), 5);
    await page.close();
  }
  assert.deepEqual(the().pageErrors, []);
});

test('seeds without λ: a method without gates has no field for them', { skip, timeout: LONG_MS }, async () => {
  const page = await the().page();
  await goTo(page, `/task/${taskId}/train`);
  await page.getByRole('radio', { name: /^Linear probe/ }).check();
  await page.locator('summary', { hasText: 'Several seeds' }).click();
  assert.equal(await page.getByLabel('Several λ').count(), 0);
  await page.close();
});
