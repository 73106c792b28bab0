/// <reference lib="dom" />
/**
 * @file `npm run bench -- window`: how the window in the real Electron feels, idle and while a run trains: time from a key press to the
 * next painted frame, a request there and back, Compare with 200 results, and from starting the program to a window that answers.
 * Baselines of the same run: the idle figures, and an Electron that does nothing but open a window. Writes docs/benchmarks-window.md.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron } from 'playwright-core';
import { prepareRuntime, ROOT, type Runtime } from '../electron/runtime.ts';
import { makeHome, startLongRun, startStudio, type BridgeWindow, type Home, type StudioApp } from '../electron/studio-app.ts';
import { makeManyResults } from './many-results.ts';

const KEYS = 60;
const REQUESTS = 200;
const STARTS = 5;
const RESULTS = { tasks: 20, perTask: 10 };
const COMPARES = 7;
const GOALS = { paintMs: 50, requestMs: 20, startMs: 2000, compareMs: 300 };

interface Feel {
  paintMs: { median: number; p95: number };
  requestMs: { median: number; p95: number };
}

function quantiles(values: readonly number[]): { median: number; p95: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { median: at(0.5), p95: at(0.95) };
}

async function feel({ page }: StudioApp): Promise<Feel> {
  await page.evaluate(() => {
    window.location.hash = '/library';
  });
  await page.waitForSelector('#library-search');
  const paints = await page.evaluate(async (count) => {
    const input = document.querySelector<HTMLInputElement>('#library-search');
    if (input === null) return [];
    const times: number[] = [];
    for (let key = 0; key < count; key++) {
      // A message posted from a frame's callback arrives after that frame was painted.
      times.push(
        await new Promise<number>((resolve) => {
          const started = performance.now();
          input.value = `text ${String(key)}`;
          input.dispatchEvent(new Event('input', { bubbles: true }));
          requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => {
              resolve(performance.now() - started);
            };
            port2.postMessage(null);
          });
        }),
      );
      await new Promise((resolve) => setTimeout(resolve, 37));
    }
    input.value = '';
    input.dispatchEvent(new Event('input', { bubbles: true }));
    return times;
  }, KEYS);
  const requests = await page.evaluate(async (count) => {
    const times: number[] = [];
    for (let index = 0; index < count; index++) {
      const started = performance.now();
      await (window as unknown as BridgeWindow).tapsStudio.request('run.list', {});
      times.push(performance.now() - started);
    }
    return times;
  }, REQUESTS);
  return { paintMs: quantiles(paints), requestMs: quantiles(requests) };
}

const runtime = await prepareRuntime();
if (typeof runtime === 'string') {
  console.log(`skipped: ${runtime}`);
  process.exit(0);
}
const home = makeHome(runtime);
const load = loadavg()[0] ?? Number.NaN;

/** An app of one empty window: what Electron and this machine need, whatever we do. */
async function startEmpty({ executable, switches }: Runtime, { folder, env }: Home): Promise<{ close: () => Promise<void> }> {
  const place = join(folder, 'empty');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'package.json'), '{"name":"empty","main":"main.cjs"}');
  writeFileSync(join(place, 'main.cjs'), "const { app, BrowserWindow } = require('electron');\napp.whenReady().then(() => new BrowserWindow({ width: 1280, height: 860, webPreferences: { sandbox: true } }).loadURL('data:text/html,<h1>empty</h1>'));\n");
  const app = await _electron.launch({ executablePath: executable, args: [...switches, place], env, cwd: folder });
  await (await app.firstWindow()).waitForSelector('h1');
  return app;
}

async function timeOf(start: () => Promise<{ close: () => Promise<void> }>): Promise<number> {
  const started = performance.now();
  const app = await start();
  const took = performance.now() - started;
  await app.close();
  return took;
}

/** From going to Compare to the frame that shows every mark. */
async function compareTimes({ page }: StudioApp, marks: number): Promise<number[]> {
  const times: number[] = [];
  for (let turn = 0; turn < COMPARES; turn++) {
    await page.evaluate(() => {
      window.location.hash = '/library';
    });
    await page.waitForSelector('#library-search');
    times.push(
      await page.evaluate(async (wanted) => {
        const started = performance.now();
        window.location.hash = '/compare';
        for (;;) {
          await new Promise((resolve) => requestAnimationFrame(resolve));
          if (document.querySelectorAll('.mark').length >= wanted) break;
        }
        await new Promise((resolve) => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = resolve;
          port2.postMessage(null);
        });
        return performance.now() - started;
      }, marks),
    );
  }
  return times;
}

const starts: number[] = [];
const emptyStarts: number[] = [];
for (let turn = 0; turn < STARTS; turn++) {
  emptyStarts.push(await timeOf(() => startEmpty(runtime, home)));
  starts.push(await timeOf(async () => (await startStudio(runtime, home)).app));
}
const studio = await startStudio(runtime, home);
await studio.ask('settings.change', { welcomed: true });
const idle = await feel(studio);
await startLongRun(studio);
const training = await feel(studio);
await studio.app.evaluate(({ app }) => {
  app.exit(0);
});

const crowd = mkdtempSync(join(tmpdir(), 'taps-many-'));
await makeManyResults(crowd, RESULTS.tasks, RESULTS.perTask);
const crowded = await startStudio(runtime, { ...home, env: { ...home.env, TAPS_LIBRARY: crowd } });
const compared = await compareTimes(crowded, RESULTS.tasks * RESULTS.perTask);
await crowded.app.close();
rmSync(crowd, { recursive: true, force: true });
home.remove();

const ms = (value: number): string => `${value.toFixed(1)} ms`;
const whole = (value: number): string => `${value.toFixed(0)} ms`;
const [start, empty, compare] = [quantiles(starts), quantiles(emptyStarts), quantiles(compared)];
const results = RESULTS.tasks * RESULTS.perTask;
const text = `# How the window feels

Made by \`npm run bench -- window\` in Electron on ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${String(cpus().length)} cores, software rendering, load average ${load.toFixed(1)} at the beginning. A run trains on one thread of its own in the second column.

| what | idle, median (95 %) | while a run trains, median (95 %) | goal at 95 % |
| --- | --- | --- | --- |
| key press to the next painted frame | ${ms(idle.paintMs.median)} (${ms(idle.paintMs.p95)}) | ${ms(training.paintMs.median)} (${ms(training.paintMs.p95)}) | ${String(GOALS.paintMs)} ms |
| request there and back (list of runs) | ${ms(idle.requestMs.median)} (${ms(idle.requestMs.p95)}) | ${ms(training.requestMs.median)} (${ms(training.requestMs.p95)}) | ${String(GOALS.requestMs)} ms |

| what | median | slowest | goal |
| --- | --- | --- | --- |
| starting the program to a window that answers (${String(STARTS)} starts) | ${whole(start.median)} | ${whole(Math.max(...starts))} | ${String(GOALS.startMs)} ms |
| the same for an Electron with one empty window, in turns with it | ${whole(empty.median)} | ${whole(Math.max(...emptyStarts))} | baseline: the studio takes ${(start.median / empty.median).toFixed(2)} times as long |
| going to Compare with ${String(results)} results of ${String(RESULTS.tasks)} tasks, every mark painted (${String(COMPARES)} times) | ${whole(compare.median)} | ${whole(Math.max(...compared))} | ${String(GOALS.compareMs)} ms |
`;
console.log(text);
writeFileSync(join(ROOT, 'docs', 'benchmarks-window.md'), text);
