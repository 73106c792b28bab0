/** @file From sweeps to a document with a chart per task, written beside each other. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { compressedOf } from '../../services/compress-sweep.ts';
import type { Library } from '../../services/open-library.ts';
import { resultsDocument } from './markdown.ts';
import { pointsOf, type ResultPoint } from './points.ts';
import { scatterSvg } from './scatter-svg.ts';

export interface ReportOptions {
  /** The document; charts get its name with the task's. */
  file: string;
  title: string;
  /** What was learnt on what, one sentence. */
  about: string;
  /** To type, for the same table. */
  commands: readonly string[];
  /** What it took in all; at least the time of the runs is said. */
  seconds: number;
}

/** @returns the points, for a document of the caller's own @throws what writing a file throws */
export async function writeReport(library: Library, sweepIds: readonly string[], { file, title, about, commands, seconds }: ReportOptions): Promise<ResultPoint[]> {
  const points = pointsOf(library, sweepIds, compressedOf(library, sweepIds));
  const tasks = [...new Set(points.map(({ task }) => task))];
  const entries = sweepIds.flatMap((id) => library.sweeps.get(id).entries);
  const runs = entries.flatMap(({ runId }) => (runId === null ? [] : (library.runs.get(runId).result ?? [])));
  const pictures = Object.fromEntries(entries.map(({ taskId }) => [library.tasks.get(taskId).name, picturesOf(library, taskId)]));
  const stem = basename(file, extname(file));
  const charts = Object.fromEntries(tasks.map((task, index) => [task, `${stem}-${/^[\w-]+$/.test(task) ? task : String(index + 1)}.svg`]));
  await mkdir(dirname(file), { recursive: true });
  for (const task of tasks) {
    const marks = points.filter((point) => point.task === task).map(({ group, setting, bytes, test }) => ({ group, label: setting, bytes, accuracy: test.mean, halfWidth: test.halfWidth }));
    await writeFile(join(dirname(file), charts[task] ?? ''), scatterSvg(`${task}: test accuracy over bytes`, marks));
  }
  const spent = Math.max(seconds, runs.reduce((sum, run) => sum + run.seconds, 0));
  await writeFile(file, resultsDocument({ title, about, commands, engine: runs[0]?.engine ?? '', seconds: spent, seeds: [...new Set(entries.map(({ config }) => config.seed))], pictures, points, charts }));
  return points;
}

function picturesOf(library: Library, taskId: string): { train: number; validation: number; test: number } {
  const { images } = library.datasets.get(library.tasks.get(taskId).datasetId).manifest;
  const count = (split: string): number => images.filter((image) => image.split === split).length;
  return { train: count('train'), validation: count('validation'), test: count('test') };
}
