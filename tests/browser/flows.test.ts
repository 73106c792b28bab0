/** @file What people do, in a real browser, on real pictures: first run to export, the wizard, stopping, killing, restarting. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Page } from 'playwright-core';
import { BrowserStudio, goTo, ROOT } from './harness.ts';

const opened = await BrowserStudio.open();
const skip = typeof opened === 'string' ? opened : false;
const LONG_MS = 120_000;
after(async () => {
  if (typeof opened !== 'string') await opened.close();
});
function the(): BrowserStudio {
  assert.ok(typeof opened !== 'string');
  return opened;
}
const button = (page: Page, name: string | RegExp): ReturnType<Page['getByRole']> => page.getByRole('button', { name });

/** Trainers of this process's studio. */
function trainerPids(): number[] {
  const { stdout } = spawnSync('pgrep', ['-P', String(process.pid), '-f', 'trainer/main'], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line !== '').map(Number);
}

test('first run: one click to a training run, ended with its best so far, result, proven export', { skip, timeout: LONG_MS }, async () => {
  const page = await the().page();
  await page.getByRole('heading', { name: 'One network, many tasks' }).waitFor();
  await button(page, /Learn .Emoji/).click();
  await page.waitForURL(/#\/run\//, { timeout: LONG_MS });
  // The first column of the map: an epoch has been learnt.
  await page.getByRole('grid', { name: /Layers/ }).waitFor({ timeout: LONG_MS });
  await page.reload();
  await page.getByRole('heading', { name: 'Emoji' }).waitFor();
  await button(page, 'Stop…').click();
  await button(page, /Finish with the best/).click();
  await button(page, 'See the result').click({ timeout: LONG_MS });
  await page.getByRole('grid', { name: 'Confusion matrix' }).waitFor();
  await page.getByRole('gridcell').getByRole('button', { name: / taken for .*: [1-9]/ }).first().click();
  await page.getByRole('link', { name: 'Export', exact: true }).click();
  await button(page, 'Export and prove').click();
  await page.getByRole('heading', { name: /^Proven/ }).waitFor({ timeout: LONG_MS });
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
  assert.equal(download.suggestedFilename(), 'Emoji.onnx');
  await page.close();
  assert.deepEqual(the().pageErrors, []);
});

test('the wizard by keyboard alone, from the library to a run', { skip, timeout: LONG_MS }, async () => {
  const page = await the().page();
  await goTo(page, '/library');
  await page.locator('body').press('n');
  await page.getByRole('heading', { name: 'New task' }).waitFor();
  await tabTo(page, 'Continue');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'What should it tell apart?' }).waitFor();
  await tabTo(page, 'Use the sample “Drawings”');
  await page.keyboard.press('Enter');
  await page.getByText(/400 pictures in 8 classes/).waitFor({ timeout: LONG_MS });
  await tabTo(page, 'Continue');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'How should it learn?' }).waitFor();
  const slider = page.getByRole('slider', { name: /Sparsity penalty/ });
  const before = await slider.inputValue();
  await tabTo(page, /Sparsity penalty/);
  await page.keyboard.press('ArrowRight');
  assert.notEqual(await slider.inputValue(), before);
  await tabTo(page, 'Continue');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Ready to learn' }).waitFor();
  await tabTo(page, 'Start training');
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/run\//, { timeout: LONG_MS });
  await page.getByRole('heading', { name: 'drawings' }).waitFor();
  await page.close();
});

test('a killed trainer is told in words; the run resumes, stops, and resumes again after a restart', { skip, timeout: LONG_MS }, async () => {
  const page = await the().page();
  const [run] = await the().ask('run.list', {});
  assert.equal(run?.taskName, 'drawings');
  await goTo(page, `/run/${run.id}`);
  await page.getByRole('grid', { name: /Layers/ }).waitFor({ timeout: LONG_MS });
  const [pid] = trainerPids();
  assert.ok(pid !== undefined, 'a trainer runs');
  process.kill(pid, 'SIGKILL');
  await page.getByRole('alert').filter({ hasText: 'trainer process' }).waitFor({ timeout: LONG_MS });
  await button(page, 'Resume').click();
  await button(page, 'Pause').waitFor({ timeout: LONG_MS });
  await the().stop();
  await the().start();
  await page.goto('about:blank');
  await page.goto(the().url);
  await goTo(page, '/training');
  await page.getByRole('heading', { name: '1 run was interrupted' }).waitFor();
  await button(page, 'Resume').first().click();
  await button(page, 'Stop…').click({ timeout: LONG_MS });
  await button(page, /Stop, resume later/).click();
  await page.getByText('Stopped').first().waitFor({ timeout: LONG_MS });
  await page.close();
});

test('a folder is sent, its flaws are found, a picture is left out; the draft outlives a restart', { skip, timeout: LONG_MS }, async () => {
  const folder = join(the().folder, 'my <b>pictures</b> مرحبا 🦄');
  const sample = join(ROOT, 'resources', 'samples', 'emoji', 'train');
  const hostile = '<img src=x onerror=alert(1)>';
  cpSync(sample, folder, { recursive: true });
  cpSync(join(ROOT, 'resources', 'samples', 'drawings', 'train', 'cat'), join(folder, hostile), { recursive: true });
  writeFileSync(join(folder, hostile, 'broken.png'), 'not a picture');
  const page = await the().page();
  await goTo(page, '/new');
  await button(page, 'Continue').click();
  await button(page, /Choose a folder/).click();
  await page.locator('input[type=file]').setInputFiles(folder);
  await page.getByText('1 file cannot be used').waitFor({ timeout: LONG_MS });
  await page.getByRole('rowheader', { name: hostile }).waitFor();
  const first = page.getByRole('listbox', { name: 'Pictures' }).getByRole('option', { name: /, class / }).first();
  await first.focus();
  await page.keyboard.press('x');
  await page.getByText('1 picture left out').waitFor();
  // Written a moment after the last change; on a busy machine the moment is a long one.
  while ((await the().ask('draft.get', {}))?.excluded.length !== 1) await page.waitForTimeout(100);
  await the().stop();
  await the().start();
  await page.goto('about:blank');
  await page.goto(the().url);
  await goTo(page, '/new');
  await page.getByText('This is the draft you left').waitFor();
  await page.getByText('1 picture left out').waitFor({ timeout: LONG_MS });
  assert.deepEqual(the().pageErrors, [], 'no name became HTML');
  await page.close();
});

test('junk that is dropped is refused in words; removing can be undone', { skip, timeout: LONG_MS }, async () => {
  const page = await the().page();
  await goTo(page, '/library');
  await dropFile(page, 'diary.txt', 'Dear diary');
  await page.getByRole('alert').filter({ hasText: 'diary.txt is nothing the studio can use' }).waitFor();
  await dropFile(page, 'evil.onnx', 'not a model');
  await page.getByRole('dialog').getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByRole('dialog').getByRole('alert').waitFor({ timeout: LONG_MS });
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await button(page, 'More actions for Emoji').click();
  await page.getByRole('menuitem', { name: 'Remove' }).click();
  await page.getByRole('link', { name: 'Emoji', exact: true }).waitFor({ state: 'detached' });
  await button(page, 'Undo').click();
  await page.getByRole('link', { name: 'Emoji' }).waitFor();
  await page.close();
});

test('without its key the address opens nothing and says what to do', { skip, timeout: LONG_MS }, async () => {
  const page = await the().browser.newPage();
  await page.goto(the().url.replace(/#.*/, ''));
  await page.getByText('This address lacks the key').waitFor();
  await page.close();
});

/** Presses Tab until the focused control has this name. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const MOST = 120;
  for (let count = 0; count < MOST; count++) {
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      const label = element?.id === undefined || element.id === '' ? null : document.querySelector(`label[for="${CSS.escape(element.id)}"]`);
      const isControl = element?.matches('a, button, input, select, textarea, summary') === true;
      return (element?.getAttribute('aria-label') ?? label?.textContent ?? (isControl ? element.textContent : null) ?? '').trim();
    });
    if (typeof name === 'string' ? focused === name : name.test(focused)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not lead to ${String(name)}`);
}

/** As a file manager would: enter, over, drop. */
async function dropFile(page: Page, name: string, content: string): Promise<void> {
  await page.evaluate(
    ({ fileName, text }) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([text], fileName));
      for (const type of ['dragenter', 'dragover', 'drop']) document.body.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    },
    { fileName: name, text: content },
  );
}
