/**
 * @file Pictures of every screen with real data, for the README and for looking at: `npm run screenshots`.
 * Learns the sample tasks with four methods first, which takes a few minutes; TAPS_SCREENSHOT_HOME names a folder that keeps what
 * was learnt for the next time.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { jointConfigSchema } from '../../src-main/contract/joint.ts';
import { trainConfigSchema, type MethodId } from '../../src-main/contract/training.ts';
import { BrowserStudio, goTo, ROOT } from './harness.ts';

const OUT = process.env['TAPS_SCREENSHOT_OUT'] ?? join(ROOT, 'docs', 'screenshots');
const SIZES = [[1280, 800], [1000, 700]] as const;
const THEMES = ['light', 'dark'] as const;
const EPOCHS = Number(process.env['TAPS_SCREENSHOT_EPOCHS'] ?? 18);
const RUNS: readonly { method: MethodId; learningRate: number; lambda?: number }[] = [
  { method: 'full-fine-tuning', learningRate: 0.05 },
  { method: 'linear-probe', learningRate: 0.1 },
  { method: 'norm-head', learningRate: 0.1 },
  { method: 'taps', learningRate: 0.05, lambda: 0.3 },
  { method: 'taps', learningRate: 0.05, lambda: 1 },
];
const SAMPLES = [['drawings', 'Drawings'], ['emoji', 'Emoji']] as const;

mkdirSync(OUT, { recursive: true });

async function openStudio(folder?: string): Promise<BrowserStudio> {
  const opened = await BrowserStudio.open(folder);
  if (typeof opened !== 'string') return opened;
  console.error(`error: ${opened}`);
  process.exit(5);
}
async function shoot(page: Page, name: string, theme: string, width: number): Promise<void> {
  await page.waitForTimeout(900);
  await page.screenshot({ path: join(OUT, `${name}-${theme}-${String(width)}.png`) });
}
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 200));
}

/** The welcome, before there is anything. */
const empty = await openStudio();
for (const theme of THEMES) {
  await empty.ask('settings.change', { theme });
  for (const [width, height] of SIZES) {
    const page = await empty.page(width, height);
    await shoot(page, 'welcome', theme, width);
    await page.close();
  }
}
await empty.close();

const studio = await openStudio(process.env['TAPS_SCREENSHOT_HOME']);
await studio.ask('settings.change', { welcomed: true });
const base = await studio.ask('base.importEmbedded', { operationId: 'shots-import' });
const known = (await studio.ask('library.overview', {})).tasks;
const tasks: string[] = [];
for (const [sample, name] of SAMPLES) {
  const task = known.find((candidate) => candidate.name === name) ?? (await learn(sample, name));
  tasks.push(task.id);
}

async function learn(sample: string, name: string): Promise<{ id: string }> {
  const found = await studio.ask('images.inspect', { source: { kind: 'sample', id: sample }, baseId: base.id, seed: 0, validation: 0.15, test: 0.15, operationId: `shots-inspect-${sample}` });
  const task = await studio.ask('task.create', { name, baseId: base.id, inspectionId: found.id, excluded: [], operationId: `shots-create-${sample}` });
  await studio.ask('task.update', { id: task.id, tags: ['sample'] });
  for (const { method, learningRate, lambda = 1 } of RUNS) {
    await studio.ask('run.start', { taskId: task.id, config: trainConfigSchema.parse({ method, learningRate, lambda, epochs: EPOCHS, warmupEpochs: Math.min(3, Math.floor(EPOCHS / 4)), batchSize: 16, seed: 1 }) });
  }
  await until(idle);
  return task;
}

async function idle(): Promise<boolean> {
  return !(await studio.ask('run.list', {})).some(({ status }) => status === 'running' || status === 'queued');
}

const [first = '', second = ''] = tasks;
const short = trainConfigSchema.parse({ method: 'taps', learningRate: 0.05, epochs: EPOCHS, warmupEpochs: Math.min(3, Math.floor(EPOCHS / 4)), batchSize: 16 });

/** Several seeds and λ as one job, and both tasks learnt together. */
const [sweepBefore] = await studio.ask('sweep.list', {});
const sweep = sweepBefore ?? (await studio.ask('sweep.start', { taskIds: [second], config: short, seeds: [0, 1, 2], lambdas: [0.3, 1], parallel: 1 })).sweep;
const [jointBefore] = await studio.ask('joint.list', {});
const joint = jointBefore ?? (await studio.ask('joint.start', { name: 'Both', taskIds: [first, second], config: jointConfigSchema.parse({ variant: 'exact', train: short }) }));
await until(async () => (await studio.ask('joint.list', {})).every(({ state }) => state === 'done') && (await studio.ask('sweep.list', {})).every(({ state }) => state === 'done') && (await idle()));

/** One run that is going, and one that waits. */
const config = trainConfigSchema.parse({ method: 'taps', learningRate: 0.05, epochs: 40, batchSize: 16, seed: 2 });
const interrupted = (await studio.ask('run.list', {})).filter(({ status }) => status === 'interrupted');
async function goOn(taskId: string): Promise<{ id: string }> {
  const begun = interrupted.find((run) => run.taskId === taskId);
  return begun === undefined ? studio.ask('run.start', { taskId, config }) : studio.ask('run.resume', { runId: begun.id });
}
const going = await goOn(first);
await goOn(second);
// Far enough for curves, and with everything measured that a run measures.
await until(async () => {
  const { epochs, run } = await studio.ask('run.show', { runId: going.id });
  return epochs.length >= 12 && run.stage === 'training' && run.progress !== null && run.progress.etaSeconds !== null;
});
await until(async () => (await studio.ask('run.pause', { runId: going.id })).paused);

for (const theme of THEMES) {
  await studio.ask('settings.change', { theme });
  for (const [width, height] of SIZES) {
    const page = await studio.page(width, height);
    await goTo(page, '/library');
    await shoot(page, 'library', theme, width);
    await goTo(page, `/run/${going.id}`);
    await shoot(page, 'training', theme, width);
    await goTo(page, '/training');
    await shoot(page, 'queue', theme, width);
    await goTo(page, `/sweep/${sweep.id}`);
    await page.getByRole('cell', { name: /±/ }).first().waitFor();
    await shoot(page, 'sweep', theme, width);
    await goTo(page, '/together');
    await page.getByRole('checkbox').first().waitFor();
    await shoot(page, 'together', theme, width);
    await goTo(page, `/joint/${joint.id}`);
    await page.getByRole('heading', { name: 'What came of it' }).waitFor();
    await shoot(page, 'joint', theme, width);
    await goTo(page, `/task/${first}`);
    await page.getByRole('grid', { name: 'Confusion matrix' }).waitFor();
    await shoot(page, 'result', theme, width);
    await page.getByRole('heading', { name: 'Mistakes' }).evaluate((heading) => heading.scrollIntoView({ block: 'start' }));
    await shoot(page, 'mistakes', theme, width);
    await goTo(page, `/task/${first}/frontier`);
    await page.getByRole('slider', { name: 'Preference' }).waitFor();
    await shoot(page, 'frontier', theme, width);
    await goTo(page, `/task/${first}/train`);
    await page.getByRole('radio', { name: /^Budget/ }).click();
    await page.getByText(/This task takes from/).waitFor();
    await shoot(page, 'budget', theme, width);
    await page.getByRole('radio', { name: /^Path/ }).click();
    await page.getByText(/leaves 8 results/).waitFor();
    await shoot(page, 'path', theme, width);
    await goTo(page, '/compare');
    await shoot(page, 'compare', theme, width);
    await page.getByRole('heading', { name: /^Layers by tasks on cifar10/ }).evaluate((heading) => heading.scrollIntoView({ block: 'start' }));
    await shoot(page, 'compare-layers', theme, width);
    await goTo(page, `/task/${first}/export`);
    if (theme === 'light' && width === 1280) {
      await page.getByLabel('Replace the file if it exists').check();
      await page.getByRole('button', { name: 'Export and prove' }).click();
      await page.getByRole('heading', { name: /^Proven/ }).waitFor({ timeout: 120_000 });
    }
    await shoot(page, 'export', theme, width);
    await goTo(page, `/task/${first}/about`);
    await shoot(page, 'about', theme, width);
    await goTo(page, `/base/${base.id}`);
    await shoot(page, 'base', theme, width);
    await goTo(page, '/settings');
    await page.getByText('works', { exact: true }).first().waitFor({ timeout: 60_000 });
    await shoot(page, 'settings', theme, width);
    await studio.ask('draft.save', { step: 'images', baseId: base.id, name: 'Drawings again', source: { kind: 'sample', id: 'drawings' }, seed: 0, validation: 0.15, test: 0.15, excluded: [], config });
    await goTo(page, '/new');
    await page.getByText('400 pictures in 8 classes').waitFor();
    await shoot(page, 'wizard-pictures', theme, width);
    await page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: 'Tune' }).click();
    await shoot(page, 'wizard-tune', theme, width);
    await page.close();
  }
}
await studio.close();
console.log(`Screenshots are in ${OUT}`);
