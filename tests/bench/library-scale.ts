/**
 * @file `npm run bench -- library`: lists, search, compare and sums in a library of 10 000 tasks, and looking through a folder of 100 000
 * pictures: progress, cancelling, memory. Baseline of the same run: reading all tasks and looking through them one by one.
 *
 * npm run bench -- library [--tasks 10000 --results 2 --classes 12 --pictures 100000 --turns 9 --keep FOLDER]     FOLDER: where the library is made, or was made by an earlier run with the same figures
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import type { RequestInput, RequestName, RequestOutput } from '../../src-main/contract/studio/contract.ts';
import { foldText } from '../../src-main/core/search-words.ts';
import { openLibrary } from '../../src-main/library/library.ts';
import { addTask } from '../../src-main/services/add-task.ts';
import { createStudio } from '../../src-main/studio/studio.ts';
import { generateLibrary } from './library-generator.ts';
import { machineWords, median, writeSection } from './report.ts';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { tasks: { type: 'string', default: '10000' }, results: { type: 'string', default: '2' }, classes: { type: 'string', default: '12' }, pictures: { type: 'string', default: '100000' }, turns: { type: 'string', default: '9' }, keep: { type: 'string' } },
});
const [tasks, results, classes, pictures, turns] = [Number(values.tasks), Number(values.results), Number(values.classes), Number(values.pictures), Number(values.turns)];
const folder = mkdtempSync(join(tmpdir(), 'taps-scale-'));
const libraryFolder = values.keep ?? join(folder, 'library');
if (!existsSync(join(libraryFolder, 'library.db'))) {
  console.log(`Making a library of ${String(tasks)} tasks …`);
  await generateLibrary(libraryFolder, { tasks, results, classes });
}

const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
interface Times {
  elapsed: number;
  /** Of this process: what other work on the machine disturbs least. */
  processor: number;
}
async function timesOf(work: () => unknown): Promise<Times> {
  const elapsed: number[] = [];
  const processor: number[] = [];
  await work();
  for (let turn = 0; turn < turns; turn++) {
    const started = performance.now();
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    elapsed.push(performance.now() - started);
    processor.push((user + system) / 1000);
  }
  return { elapsed: median(elapsed), processor: median(processor) };
}

const rows: string[] = [];
const studio = await createStudio({ transport: 'loopback', libraryFolder, settingsFolder: join(folder, 'settings'), platform: { logFile: null, choose: null, reveal: null } });
async function ask<K extends RequestName>(name: K, input: RequestInput<K>): Promise<RequestOutput<K>> {
  const reply = await studio.handle(name, input);
  if (!reply.ok) throw new Error(`${name}: ${reply.error.message}`);
  return reply.value as RequestOutput<K>;
}

const newest = await ask('library.tasks', { sort: 'newest', limit: 200 });
const compared = newest.tasks.slice(0, Math.ceil(200 / Math.max(1, results))).map(({ id }) => id);
const asked: [string, number, () => unknown][] = [
  ['first page, newest first', 50, () => ask('library.tasks', { sort: 'newest' })],
  ['first page by accuracy', 50, () => ask('library.tasks', { sort: 'accuracy' })],
  ['first page by bytes', 50, () => ask('library.tasks', { sort: 'bytes' })],
  ['last page by name', 50, () => ask('library.tasks', { sort: 'name', offset: Math.max(0, tasks - 60) })],
  ['search: a rare word', 50, () => ask('library.tasks', { text: 'flowers 77' })],
  ['search: a common word', 50, () => ask('library.tasks', { text: 'birds' })],
  ['search: two letters, no trigram', 50, () => ask('library.tasks', { text: 'ka' })],
  ['filter: name of the base and a word', 50, () => ask('library.tasks', { text: 'resnet50 stars' })],
  ['overview of the window', 300, () => ask('library.overview', {})],
  [`compare ${String(compared.length * results)} runs of chosen tasks`, 300, () => ask('compare.view', { taskIds: compared })],
  ['compare without a choice (50 tasks at most)', 300, () => ask('compare.view', { taskIds: [] })],
];
const figures: [string, number, Times][] = [];
for (const [what, goal, work] of asked) figures.push([what, goal, await timesOf(work)]);
await studio.close();

const library = openLibrary(libraryFolder);
const scan = await timesOf(() => library.tasks.list().filter(({ name, notes, tags, classNames }) => foldText([name, notes, ...tags, ...classNames].join('\n')).includes('flowers 77')));
figures.push(['library stats', 1000, await timesOf(() => library.stats())]);
for (const [what, goal, { elapsed, processor }] of figures) rows.push(`| ${what} | ${ms(processor)} | ${ms(elapsed)} | ${(processor / scan.processor).toFixed(3)} | ${String(goal)} ms |`);
console.log(rows.join('\n'));

// Pictures: small, all different, in 20 classes. What is measured is the counting, not the decoding of large files.
console.log(`Making ${String(pictures)} pictures …`);
const images = join(folder, 'images');
const picture = await sharp({ create: { width: 8, height: 8, channels: 3, background: { r: 90, g: 120, b: 30 } } }).png().toBuffer();
for (let number = 0; number < pictures; number++) {
  const home = join(images, `class ${String(number % 20)}`);
  if (number < 20) mkdirSync(home, { recursive: true });
  // What follows the end of a PNG is not looked at, but makes each file another one.
  writeFileSync(join(home, `${String(number)}.png`), Buffer.concat([picture, Buffer.from(String(number))]));
}
interface Import {
  firstProgressMs: number;
  perSecond: number;
  cancelMs: number;
  /** Of this process: at the beginning of the stage, and the most after it. */
  grownBytes: number;
}
/** Adds a task, cancels after some of a stage has been done, and says how long it took to stop. */
async function importUntil(stage: 'hashed' | 'decoded', share: number): Promise<Import> {
  const controller = new AbortController();
  const started = performance.now();
  let [first, stageStarted, aborted, done, before, most] = [0, 0, 0, 0, 0, 0];
  const note = (at: 'hashed' | 'decoded') => (count: number, total: number): void => {
    if (first === 0) first = performance.now();
    // Total 0: files are still being listed.
    if (at !== stage || aborted > 0 || total === 0) return;
    if (stageStarted === 0) [stageStarted, before] = [performance.now(), process.memoryUsage.rss()];
    done = count;
    if (count % 500 === 0) most = Math.max(most, process.memoryUsage.rss());
    if (count < share * total) return;
    aborted = performance.now();
    controller.abort();
  };
  await addTask(library, { name: 'many pictures', base: 'resnet50', images, seed: 0, validation: 0.1, test: 0.1, onHashed: note('hashed'), onDecoded: note('decoded'), signal: controller.signal }).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
  return { firstProgressMs: first - started, perSecond: (1000 * done) / (aborted - stageStarted), cancelMs: performance.now() - aborted, grownBytes: Math.max(0, most - before) };
}
const hashed = await importUntil('hashed', 0.9);
const decoded = await importUntil('decoded', 0.2);
library.close();
rmSync(folder, { recursive: true, force: true });
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const importRow = (what: string, { firstProgressMs, perSecond, cancelMs, grownBytes }: Import): string => `| ${what} | ${ms(firstProgressMs)} | ${perSecond.toFixed(0)} | ${ms(cancelMs)} | ${mebibytes(grownBytes)} |`;

writeSection(
  'library',
  `## A library of ${String(tasks)} tasks

Made by \`npm run bench -- library\` (${machineWords(1)}; ${String(results)} results of a 53-layer network and ${String(classes)} classes per task; requests as the window asks them, medians of ${String(turns)}). Processor time is what other work on the machine disturbs least; on an idle one it is the time. Ratio: of processor times, to reading all tasks and looking through their words (${ms(scan.processor)}, elapsed ${ms(scan.elapsed)}).

| what | processor time | elapsed | ratio | goal |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

A folder of ${String(pictures)} pictures (8 × 8, 20 classes), added as a task and cancelled in the middle; decoded as the base wants them, 256 × 256, each is 197 kB to write:

| cancelled while | first progress after | pictures/s | stopped within | memory while counting |
| --- | --- | --- | --- | --- |
${importRow('files are hashed (90 % done)', hashed)}
${importRow('pictures are decoded (20 % done)', decoded)}`,
);
