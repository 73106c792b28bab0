/// <reference lib="dom" />
/**
 * @file `npm run bench -- window`: how the window in the real Electron feels, idle and while a run trains on all cores: time from a
 * key press to the next painted frame, a request there and back, and from starting the program to a window that answers. The idle
 * figures of the same run are the baseline. Writes docs/benchmarks-window.md.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { prepareRuntime, ROOT } from '../electron/runtime.ts';
import { makeHome, startLongRun, startStudio, type BridgeWindow, type StudioApp } from '../electron/studio-app.ts';

const KEYS = 60;
const REQUESTS = 200;
const GOALS = { paintMs: 50, requestMs: 20, startMs: 2000 };

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
const starts: number[] = [];
for (let turn = 0; turn < 2; turn++) {
  const started = performance.now();
  const { app } = await startStudio(runtime, home);
  starts.push(performance.now() - started);
  await app.close();
}
const studio = await startStudio(runtime, home);
await studio.ask('settings.change', { welcomed: true });
const idle = await feel(studio);
await startLongRun(studio);
const training = await feel(studio);
await studio.app.evaluate(({ app }) => {
  app.exit(0);
});
home.remove();

const [firstStart = Number.NaN, secondStart = Number.NaN] = starts;
const ms = (value: number): string => `${value.toFixed(1)} ms`;
const text = `# How the window feels

Made by \`npm run bench -- window\` in Electron on ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${String(cpus().length)} cores, software rendering. A run trains on one thread of its own in the second column.

| what | idle, median (95 %) | while a run trains, median (95 %) | goal at 95 % |
| --- | --- | --- | --- |
| key press to the next painted frame | ${ms(idle.paintMs.median)} (${ms(idle.paintMs.p95)}) | ${ms(training.paintMs.median)} (${ms(training.paintMs.p95)}) | ${String(GOALS.paintMs)} ms |
| request there and back (list of runs) | ${ms(idle.requestMs.median)} (${ms(idle.requestMs.p95)}) | ${ms(training.requestMs.median)} (${ms(training.requestMs.p95)}) | ${String(GOALS.requestMs)} ms |

From starting the program to a window that answers: ${firstStart.toFixed(0)} ms the first time, ${secondStart.toFixed(0)} ms again (goal ${String(GOALS.startMs)} ms).
`;
console.log(text);
writeFileSync(join(ROOT, 'docs', 'benchmarks-window.md'), text);
