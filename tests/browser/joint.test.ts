/** @file Tasks learnt together in a real browser: chosen, started, stopped, gone on with, results with the tasks; made smaller afterwards; axe. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axeFindings, BrowserStudio, goTo } from './harness.ts';

const opened = await BrowserStudio.open();
const skip = typeof opened === 'string' ? opened : false;
/** Some short runs on a machine that may be busy. */
const LONG_MS = 500_000;
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
    const base = await the().ask('base.importEmbedded', { operationId: 'joint-import' });
    for (const sample of ['emoji', 'drawings']) {
      const found = await the().ask('images.inspect', { source: { kind: 'sample', id: sample }, baseId: base.id, seed: 0, validation: 0.15, test: 0.15, operationId: `joint-inspect-${sample}` });
      taskId = (await the().ask('task.create', { name: sample, baseId: base.id, inspectionId: found.id, excluded: [], operationId: `joint-create-${sample}` })).id;
    }
  },
  { timeout: LONG_MS },
);

test('two tasks are chosen by keyboard and learnt together; stopped and gone on with; the new tasks are in the library', { skip, timeout: LONG_MS }, async () => {
  const page = await the().page();
  await goTo(page, '/library');
  await page.getByRole('button', { name: 'Learn tasks together' }).click();
  await page.getByRole('heading', { name: 'Learn tasks together' }).waitFor();
  const start = page.getByRole('button', { name: 'Start training' });
  assert.equal(await start.isEnabled(), false);
  await page.getByRole('checkbox', { name: /^emoji/ }).press('Space');
  await page.getByText('Choose at least two tasks.').waitFor();
  await page.getByRole('checkbox', { name: /^drawings/ }).press('Space');
  await page.getByText('In this order: 1. emoji, 2. drawings').waitFor();
  await page.getByLabel('Name', { exact: true }).fill('both');
  await page.getByLabel('Epochs', { exact: true }).fill('4');
  await page.getByLabel('Epochs without penalty').fill('0');
  assert.deepEqual(await axeFindings(page), []);
  await page.getByLabel('Learning rate of what is shared').fill('-1');
  assert.equal(await start.isEnabled(), false);
  await page.getByLabel('Learning rate of what is shared').fill('');
  await start.click();
  await page.getByRole('heading', { name: 'Learning both together' }).waitFor();
  await page.getByText('1 / 4').waitFor({ timeout: LONG_MS });
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'Go on' }).click({ timeout: LONG_MS });
  await page.getByRole('heading', { name: 'What came of it' }).waitFor({ timeout: LONG_MS });
  assert.deepEqual(await axeFindings(page), []);
  await goTo(page, '/library');
  await page.getByRole('link', { name: 'emoji@both' }).waitFor();
  await page.getByRole('link', { name: 'drawings@both' }).waitFor();
  await page.close();
  assert.deepEqual(the().pageErrors, []);
});

test('the screens of joint training, light and dark, wide and narrow: axe finds nothing, nothing is wider than the window', { skip, timeout: LONG_MS }, async () => {
  const [joint] = await the().ask('joint.list', {});
  for (const [theme, width, height] of [['light', 1280, 800], ['dark', 1000, 700]] as const) {
    await the().ask('settings.change', { theme });
    const page = await the().page(width, height);
    for (const path of ['/together', `/joint/${joint?.id ?? ''}`, '/training', '/library']) {
      await goTo(page, path);
      await page.waitForTimeout(500);
      if (path === '/together') await page.getByRole('radio', { name: /^Two stages/ }).check();
      assert.deepEqual(await axeFindings(page), [], `${path} ${theme}`);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)) <= 0, `${path} is wider than the window`);
    }
    await page.close();
  }
  assert.deepEqual(the().pageErrors, []);
});

test('a run that is made smaller afterwards says so on its screen, and what came of it', { skip, timeout: LONG_MS }, async () => {
  const page = await the().page();
  await goTo(page, `/task/${taskId}/train`);
  await page.getByRole('radio', { name: /^Norm \+ head/ }).check();
  await page.getByLabel('Epochs', { exact: true }).fill('1');
  await page.getByRole('checkbox', { name: /^Make it smaller afterwards/ }).check();
  const tolerance = page.getByLabel('Points of accuracy that may be lost');
  assert.equal(await tolerance.inputValue(), '0.5');
  await tolerance.fill('101');
  await page.getByText('Give a number from 0 to 100.').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Start training' }).isEnabled(), false);
  await tolerance.fill('2');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByRole('heading', { name: 'Made smaller afterwards' }).waitFor();
  await page.getByText(/became .*; validation/).waitFor({ timeout: LONG_MS });
  assert.deepEqual(await axeFindings(page), []);
  await page.close();
  assert.deepEqual(the().pageErrors, []);
});
