/** @file A library of thousands of tasks in a real browser: few of them are in the document, all can be reached, search finds what is far below. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { generateLibrary } from '../bench/library-generator.ts';
import { BrowserStudio, goTo } from './harness.ts';

const TASKS = 3000;
const folder = mkdtempSync(join(tmpdir(), 'taps-many-tasks-'));
await generateLibrary(join(folder, 'library'), { tasks: TASKS, results: 1, classes: 3 });
const opened = await BrowserStudio.open(folder);
const skip = typeof opened === 'string' ? opened : false;
after(async () => {
  if (typeof opened !== 'string') await opened.close();
  rmSync(folder, { recursive: true, force: true });
});

test('cards: scrolled from the newest to the oldest, searched, sorted; the document stays small', { skip, timeout: 120_000 }, async () => {
  assert.ok(typeof opened !== 'string');
  await opened.ask('settings.change', { welcomed: true, libraryView: 'cards' });
  const page = await opened.page();
  await goTo(page, '/library');
  await page.getByRole('heading', { name: 'Tasks 3,000' }).waitFor();
  const names = page.locator('article h3 a[href^="#/task/"]');
  await names.first().waitFor();
  assert.match((await names.first().textContent()) ?? '', / 3000$/, 'newest first');
  const inDocument = async (): Promise<number> => names.count();
  assert.ok((await inDocument()) < 300, `${String(await inDocument())} cards`);
  // The oldest is at the end of the list.
  await page.evaluate(async () => {
    const main = document.querySelector('main');
    for (let turn = 0; turn < 20 && main !== null; turn++) {
      main.scrollTop = main.scrollHeight;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  await page.getByRole('link', { name: 'flowers 1', exact: true }).waitFor();
  assert.ok((await inDocument()) < 300, `${String(await inDocument())} cards at the end`);
  await page.getByRole('searchbox').fill('birds 1502');
  await page.getByRole('heading', { name: 'Tasks 1', exact: true }).waitFor();
  assert.deepEqual(await names.allTextContents(), ['birds 1502']);
  await page.getByRole('searchbox').fill('no such thing');
  await page.getByText('Nothing matches').waitFor();
  await page.getByRole('button', { name: 'Clear the search' }).click();
  await page.getByLabel('Sort by').selectOption('name');
  await page.getByRole('link', { name: 'birds 2', exact: true }).waitFor();
  await opened.ask('task.update', { id: (await opened.ask('library.tasks', { text: 'birds 2', limit: 1 })).tasks[0]?.id ?? '', name: 'aaa first' });
  await page.getByRole('link', { name: 'aaa first', exact: true }).waitFor();
  await page.close();
  assert.deepEqual(opened.pageErrors, []);
});

test('table: rows of what is near only, a renamed and a removed task are told', { skip, timeout: 120_000 }, async () => {
  assert.ok(typeof opened !== 'string');
  await opened.ask('settings.change', { libraryView: 'table' });
  const page = await opened.page();
  await goTo(page, '/library');
  const rows = page.locator('tbody tr a[href^="#/task/"]');
  await rows.first().waitFor();
  assert.ok((await rows.count()) < 400, `${String(await rows.count())} rows`);
  const first = (await rows.first().textContent()) ?? '';
  const { tasks } = await opened.ask('library.tasks', { sort: 'newest', limit: 2 });
  assert.equal(first, tasks[0]?.name);
  await opened.ask('removal.start', { kind: 'task', id: tasks[0]?.id ?? '' });
  await page.getByRole('heading', { name: 'Tasks 2,999' }).waitFor();
  await page.waitForFunction((name) => document.querySelector('tbody tr a[href^="#/task/"]')?.textContent === name, tasks[1]?.name ?? '');
  await page.close();
  assert.deepEqual(opened.pageErrors, []);
});

test('Compare: the newest results of a large library, and the tasks that have given words', { skip, timeout: 120_000 }, async () => {
  assert.ok(typeof opened !== 'string');
  const page = await opened.page();
  await goTo(page, '/compare');
  await page.getByText('2,949 older results of 2,949 tasks are left out').waitFor();
  await page.getByRole('searchbox', { name: /Words of the tasks/ }).fill('stars 1');
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  await page.getByText('Tasks with “stars 1” are compared').waitFor();
  const { points } = await opened.ask('compare.view', { taskIds: (await opened.ask('library.tasks', { text: 'stars 1', sort: 'newest', limit: 50 })).tasks.map(({ id }) => id) });
  await page.waitForFunction((count) => document.querySelectorAll('.mark').length === count, points.length);
  await page.getByRole('searchbox', { name: /Words of the tasks/ }).fill('no such thing');
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  await page.getByText('No task has these words').waitFor();
  await page.close();
  assert.deepEqual(opened.pageErrors, []);
});
