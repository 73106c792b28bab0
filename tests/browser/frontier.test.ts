/** @file The frontier in a real browser: two results of a small task, a preference, adopting by keyboard, making one smaller; a budget that cannot be held. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { trainConfigSchema, type TrainConfig } from '../../src-main/contract/training.ts';
import { axeFindings, BrowserStudio, goTo } from './harness.ts';

const opened = await BrowserStudio.open();
const skip = typeof opened === 'string' ? opened : false;
/** Two short runs on a machine that may be busy. */
const LONG_MS = 300_000;
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
    const base = await the().ask('base.importEmbedded', { operationId: 'frontier-import' });
    const found = await the().ask('images.inspect', { source: { kind: 'sample', id: 'emoji' }, baseId: base.id, seed: 0, validation: 0.15, test: 0.15, operationId: 'frontier-inspect' });
    taskId = (await the().ask('task.create', { name: 'Emoji', baseId: base.id, inspectionId: found.id, excluded: [], operationId: 'frontier-create' })).id;
  },
  { timeout: LONG_MS },
);

async function learn(settings: Partial<TrainConfig> & Pick<TrainConfig, 'method'>): Promise<void> {
  await the().ask('run.start', { taskId, config: trainConfigSchema.parse({ epochs: 2, warmupEpochs: 0, batchSize: 32, learningRate: 0.05, ...settings }) });
  while ((await the().ask('run.list', {})).some(({ stage }) => stage !== 'ended')) await new Promise((resolve) => setTimeout(resolve, 200));
}
const inUse = async (): Promise<string | undefined> => (await the().ask('task.show', { id: taskId })).card.current?.id;

/** Presses Tab until the focused control has this name. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  const MOST = 80;
  for (let count = 0; count < MOST; count++) {
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      const label = element === null || element.id === '' ? null : document.querySelector(`label[for="${CSS.escape(element.id)}"]`);
      return element?.getAttribute('aria-label') ?? label?.textContent ?? element?.textContent ?? '';
    });
    if (name.test(focused)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`nothing called ${String(name)} can be reached with Tab`);
}

test('without results the frontier says what to do, and leads there', { skip, timeout: LONG_MS }, async () => {
  const page = await the().page();
  await goTo(page, `/task/${taskId}/frontier`);
  await page.getByRole('heading', { name: 'Nothing on the frontier yet' }).waitFor();
  assert.deepEqual(await axeFindings(page), []);
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.waitForURL(/\/train$/);
  await page.close();
});

test('a budget that cannot be held is refused beside what was typed, with the smallest possible one; a path says what it leaves', { skip, timeout: LONG_MS }, async () => {
  const page = await the().page();
  await goTo(page, `/task/${taskId}/train`);
  await page.getByRole('radio', { name: /^Budget/ }).check();
  await page.getByText(/This task takes from/).waitFor();
  const start = page.getByRole('button', { name: 'Start training' });
  assert.equal(await start.isEnabled(), true);
  await page.getByLabel('At most', { exact: true }).fill('0.2');
  await page.getByText(/Not possible: with every layer closed this task still takes/).waitFor();
  assert.equal(await start.isEnabled(), false);
  await page.getByLabel('At most', { exact: true }).fill('');
  await page.getByText('Give a percentage above 0, up to 100.').waitFor();
  await page.getByLabel('At most', { exact: true }).fill('25');
  await page.getByText(/25.0% of a full copy/).waitFor();
  assert.equal(await start.isEnabled(), true);
  await page.getByRole('radio', { name: /^Path/ }).check();
  await page.getByText(/leaves 8 results, from every layer to none/).waitFor();
  await page.getByText('By λ instead of size').click();
  await page.getByLabel('λ from').fill('3');
  await page.getByLabel('λ to').fill('2');
  await page.getByText(/A path cannot go from λ 3 to 2/).waitFor();
  assert.equal(await start.isEnabled(), false);
  await page.getByLabel('λ to').fill('30');
  await page.getByText(/with λ from 3 to 30/).waitFor();
  assert.equal(await start.isEnabled(), true);
  await page.getByLabel('λ from').fill('');
  await page.getByLabel('λ to').fill('');
  await page.getByText(/8 results, from every layer to none/).waitFor();
  await page.getByLabel('Epochs', { exact: true }).fill('2');
  await page.getByText(/8 levels need at least/).waitFor();
  assert.equal(await start.isEnabled(), false);
  await page.getByRole('radio', { name: /Full fine-tuning/ }).check();
  assert.equal(await start.isEnabled(), true);
  await page.close();
  assert.deepEqual(the().pageErrors, []);
});

test('Fast sets epochs and what makes them enough, and gives them back; it is no setting of a path', { skip, timeout: LONG_MS }, async () => {
  const page = await the().page();
  await goTo(page, `/task/${taskId}/train`);
  const fast = page.getByRole('checkbox', { name: /^Fast/ });
  const shown = async (): Promise<string[]> => Promise.all(['Epochs', 'Trunk left alone', 'Head at the start'].map((label) => page.getByLabel(label, { exact: true }).inputValue()));
  await page.getByText('Advanced settings').click();
  assert.deepEqual(await shown(), ['30', '0', 'drawn']);
  await fast.check();
  assert.deepEqual(await shown(), ['10', '0.4', 'fitted']);
  await page.getByLabel('Epochs', { exact: true }).fill('5');
  assert.equal(await fast.isChecked(), true);
  assert.deepEqual(await axeFindings(page), []);
  await fast.uncheck();
  assert.deepEqual(await shown(), ['30', '0', 'drawn']);
  await page.getByRole('radio', { name: /^Path/ }).check();
  await fast.waitFor({ state: 'detached' });
  await page.close();
});

test('two results: the slider proposes both ends, one is adopted by keyboard, axe finds nothing in light and dark', { skip, timeout: LONG_MS }, async () => {
  await learn({ method: 'linear-probe', learningRate: 0.1 });
  await learn({ method: 'full-fine-tuning', epochs: 4, learningRate: 0.02 });
  const { points } = await the().ask('compare.view', { taskIds: [taskId] });
  const smallest = points.toSorted((a, b) => a.bytes - b.bytes)[0];
  assert.equal(smallest?.method, 'linear-probe');
  for (const theme of ['light', 'dark'] as const) {
    await the().ask('settings.change', { theme });
    const page = await the().page(1000, 700);
    await goTo(page, `/task/${taskId}/frontier`);
    await page.getByRole('slider', { name: 'Preference' }).waitFor();
    assert.deepEqual(await axeFindings(page), [], theme);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth), false);
    await page.close();
  }
  // Whatever is in use, the other end is adopted.
  await the().ask('task.update', { id: taskId, currentDeltaId: points.find(({ method }) => method === 'full-fine-tuning')?.deltaId ?? '' });
  const page = await the().page();
  await goTo(page, `/task/${taskId}/frontier`);
  const slider = page.getByRole('slider', { name: 'Preference' });
  await tabTo(page, /^Preference$/);
  await page.keyboard.press('Home');
  assert.match((await slider.getAttribute('aria-valuetext')) ?? '', /^Linear probe, .* on validation/);
  await tabTo(page, /^\s*Use this one$/);
  await page.keyboard.press('Enter');
  await page.getByText('In use: predictions and exports take this result').waitFor();
  assert.equal(await inUse(), smallest.deltaId);
  const marks = page.getByRole('group', { name: 'Accuracy against bytes' }).getByRole('button');
  assert.equal(await marks.count(), 2);
  assert.match((await marks.filter({ has: page.locator('.using') }).getAttribute('aria-label')) ?? '', /^Linear probe: .* in use$/);
  // Along the bytes with the arrows, and picked with Enter.
  await marks.filter({ has: page.locator('.using') }).focus();
  await page.keyboard.press('ArrowRight');
  assert.match((await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))) ?? '', /^Full fine-tuning/);
  await page.keyboard.press('Enter');
  await page.getByText('Picked in the chart').waitFor();
  await page.close();
  assert.deepEqual(the().pageErrors, []);
});

test('a result is made smaller: a new point on the frontier, what is in use stays in use', { skip, timeout: LONG_MS }, async () => {
  const before = await inUse();
  const page = await the().page();
  await goTo(page, `/task/${taskId}/frontier`);
  await page.getByRole('slider', { name: 'Preference' }).waitFor();
  await page.getByRole('group', { name: 'Accuracy against bytes' }).getByRole('button', { name: /^Full fine-tuning/ }).press('Enter');
  await page.locator('summary', { hasText: 'Make smaller' }).click();
  await page.getByLabel('Form', { exact: true }).selectOption('float16');
  await page.getByRole('button', { name: 'Make it smaller' }).click();
  await page.getByText(/a new result on the frontier/).waitFor({ timeout: LONG_MS });
  await page.getByRole('group', { name: 'Accuracy against bytes' }).getByRole('button', { name: /stored as float16/ }).waitFor();
  assert.equal(await inUse(), before);
  const { points } = await the().ask('compare.view', { taskIds: [taskId] });
  const made = points.find(({ smaller }) => smaller !== null);
  const from = points.find(({ method, smaller }) => method === 'full-fine-tuning' && smaller === null);
  assert.ok(made !== undefined && from !== undefined && made.bytes < 0.6 * from.bytes);
  assert.equal((await the().ask('result.show', { deltaId: made.deltaId })).test?.accuracy, made.testAccuracy);
  await page.close();
  assert.deepEqual(the().pageErrors, []);
});
