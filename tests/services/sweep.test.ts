/** @file Sweeps over real tasks: what is planned, what is worked off, what a stop and a failure leave, what is reported; two pictures per class. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import { accuracyBudget } from '../../src-main/services/ask-budget.ts';
import { addTask } from '../../src-main/services/add-task.ts';
import { importBase } from '../../src-main/services/import-base.ts';
import { findUnfinishedSweep, progressOf, runSweep } from '../../src-main/services/sweep.ts';
import { planSweep, type SweepPlan } from '../../src-main/services/sweep-plan.ts';
import { reportSweep } from '../../src-main/services/sweep-report.ts';
import { adoptResult, taskResults } from '../../src-main/services/task-results.ts';
import { BASE_FILE, copyDrawings, workplace } from './picture-library.ts';

const { folder, library, remove } = workplace();
after(remove);

before(async () => {
  await importBase(library, { path: BASE_FILE, name: 'small' });
  copyDrawings(join(folder, 'pictures'), 3, 10);
  await addTask(library, { name: 'things', base: 'small', images: join(folder, 'pictures'), seed: 1, validation: 0.2, test: 0.3 });
  // Two pictures per class to learn from.
  for (const [split, count] of [['train', 2], ['val', 1], ['test', 2]] as const) copyDrawings(join(folder, 'few', split), 2, count);
  await addTask(library, { name: 'few', base: 'small', images: join(folder, 'few'), seed: 1, validation: 0.1, test: 0.2 });
});

const PLAN: SweepPlan = { tasks: ['things'], methods: ['taps', 'linear-probe'], lambdas: [1], budgets: [], path: null, seeds: [0, 1], common: { epochs: 1, warmupEpochs: 0, batchSize: 8, threads: 1 } };

describe('what is planned', () => {
  test('every task, setting and seed once, seed by seed; repeats are left out with a word', () => {
    const { entries, notes } = planSweep(library, { ...PLAN, tasks: ['things', 'few', 'things'], lambdas: [1, 0.5, 1], seeds: [3, 3, 4, 3] });
    assert.deepEqual(entries.map(({ config }) => config.seed), [...Array.from({ length: 6 }, () => 3), ...Array.from({ length: 6 }, () => 4)]);
    assert.deepEqual([...new Set(entries.map(({ setting }) => setting))], ['taps λ 1', 'taps λ 0.5', 'linear-probe']);
    assert.equal(new Set(entries.map(({ taskId, config }) => JSON.stringify([taskId, config]))).size, entries.length);
    assert.equal(notes.length, 3);
    assert.match(notes.join(' '), /2 repeated seed\(s\) left out/);
  });

  test('fixed layers get the bytes that TAPS gets', () => {
    const budget = { kind: 'share', share: 0.2, bitsPerWeight: 32 } as const;
    const { entries } = planSweep(library, { ...PLAN, methods: ['taps', 'fixed-layers'], lambdas: [], budgets: [budget, { kind: 'bytes', bytes: 90_000, bitsPerWeight: 32 }], seeds: [0] });
    assert.deepEqual(entries.map(({ setting }) => setting), [
      'taps ≤ 20 %', 'taps ≤ 90000 bytes',
      'last layers ≤ 20 %', 'last layers ≤ 90000 bytes', 'first layers ≤ 20 %', 'first layers ≤ 90000 bytes', 'random layers ≤ 20 %', 'random layers ≤ 90000 bytes',
    ]);
    assert.deepEqual(entries.slice(2, 4).map(({ config }) => [config.pattern, config.patternShare, config.patternBytes]), [['last', 0.2, null], ['last', 0.25, 90_000]]);
  });

  test('nothing to run, and settings that do not exist, are said', () => {
    assert.throws(() => planSweep(library, { ...PLAN, methods: ['taps'], lambdas: [] }), (error: unknown) => error instanceof TapsError && error.code === 'usage');
    assert.throws(() => planSweep(library, { ...PLAN, lambdas: [-1] }), (error: unknown) => error instanceof TapsError && error.code === 'invalid-config' && /lambda -1/.test(error.message));
    assert.throws(() => planSweep(library, { ...PLAN, tasks: ['nowhere'] }), (error: unknown) => error instanceof TapsError && error.code === 'not-found');
  });
});

describe('what is worked off', () => {
  test('stopped, it goes on with what is left; a run that cannot be is recorded and the others go on', async () => {
    const impossible = { kind: 'bytes', bytes: 10, bitsPerWeight: 32 } as const;
    const { entries } = planSweep(library, { ...PLAN, methods: ['linear-probe', 'taps'], lambdas: [], budgets: [impossible] });
    const sweep = library.sweeps.add('probe and an impossible budget', entries);
    const stop = new AbortController();
    await assert.rejects(
      runSweep(library, sweep.id, {
        signal: stop.signal,
        onProgress: ({ done, failed }) => {
          if (done === 1 && failed === 1) stop.abort();
        },
      }),
      (error: unknown) => error instanceof TapsError && error.code === 'cancelled',
    );
    assert.equal(findUnfinishedSweep(library).id, sweep.id);
    const [first] = library.sweeps.get(sweep.id).entries;
    assert.ok(first?.runId);
    const started: number[] = [];
    const ended = await runSweep(library, sweep.id, { onEntry: ({ position }) => started.push(position) });
    assert.deepEqual(started, [1, 2, 3], 'what is finished is not repeated, what failed is tried again');
    assert.equal(ended.entries[0]?.runId, first.runId);
    assert.deepEqual(progressOf(library, sweep.id), { done: 2, failed: 2, total: 4 });

    const report = reportSweep(library, sweep.id);
    const [row] = report.rows;
    assert.ok(row && report.rows.length === 1);
    assert.deepEqual([row.setting, row.seeds, row.layersOpen], ['linear-probe', [0, 1], 0]);
    const accuracies = row.seeds.map((_seed, index) => library.runs.get(ended.entries[index * 2]?.runId ?? '').result?.test.accuracy ?? 0);
    assert.ok(Math.abs(row.test.mean - (accuracies[0] ?? 0) / 2 - (accuracies[1] ?? 0) / 2) < 1e-12);
    assert.ok(row.test.halfWidth !== null && row.worstClass !== null && row.worstClass.recall <= row.test.mean + 1e-9);
    assert.equal(report.failures.length, 2);
    assert.match(report.failures[0]?.failure ?? '', /10 bytes cannot be held.*Give at least \d+ bytes/);
  });

  test('two at a time end with the same bytes as one after the other', async () => {
    const run = async (parallel: number): Promise<string[]> => {
      const sweep = library.sweeps.add('parallel', planSweep(library, PLAN).entries);
      const { entries } = await runSweep(library, sweep.id, { parallel });
      return entries.map(({ runId }) => library.deltas.get(library.deltas.idOfRun(runId ?? '') ?? '').blob.sha256);
    };
    const one = await run(1);
    assert.equal(one.length, 4);
    assert.deepEqual(await run(2), one);
  });

  test('a task with two pictures per class can be learnt with a budget, along a path, and swept; totals name the worst task', async () => {
    const budget = { kind: 'share', share: 0.5, bitsPerWeight: 32 } as const;
    const path = { lambdas: [0.1, 1, 10] };
    const { entries } = planSweep(library, { ...PLAN, tasks: ['few', 'things'], methods: ['taps', 'full-fine-tuning'], lambdas: [1], budgets: [budget], path, common: { ...PLAN.common, epochs: 3 }, seeds: [0] });
    const sweep = library.sweeps.add('few', entries);
    await runSweep(library, sweep.id);
    const report = reportSweep(library, sweep.id);
    assert.deepEqual(report.failures, []);
    assert.equal(report.rows.length, 8);
    assert.deepEqual(report.totals.map(({ setting, tasks }) => [setting, tasks]), [['taps λ 1', 2], ['taps ≤ 50 %', 2], ['taps path of 3', 2], ['full-fine-tuning', 2]]);
    for (const { worstTask, test: over } of report.totals) assert.ok(over !== null && worstTask.test <= over.mean);
    for (const row of report.rows.filter(({ setting }) => setting === 'taps ≤ 50 %')) assert.ok(row.shareOfFullCopy <= 0.5);
  });
});

describe('what is kept', () => {
  test('every level of a path is a result; another one is adopted by level, by name and by preference', () => {
    const { task, results } = taskResults(library, 'few');
    const levels = results.filter(({ delta }) => delta.pathLevel !== null);
    assert.deepEqual(levels.map(({ delta }) => delta.pathLevel).toSorted(), [0, 1, 2]);
    assert.match(levels.find(({ delta }) => delta.pathLevel === 2)?.setting ?? '', /level 2, λ 10/);
    assert.ok(results.some(({ onFront }) => onFront));
    const adopted = adoptResult(library, 'few', { kind: 'level', level: 2 });
    assert.equal(adopted.task.currentDeltaId, levels.find(({ delta }) => delta.pathLevel === 2)?.delta.id);
    const [other] = results;
    assert.ok(other);
    assert.equal(adoptResult(library, task.id, { kind: 'result', deltaId: other.delta.id }).task.currentDeltaId, other.delta.id);
    const smallest = adoptResult(library, 'few', { kind: 'preference', preference: 1 }).result;
    assert.equal(smallest.bytes, Math.min(...results.map(({ bytes }) => bytes)));
    const best = adoptResult(library, 'few', { kind: 'preference', preference: 0 }).result;
    assert.equal(best.validation, Math.max(...results.map(({ validation }) => validation ?? 0)));
    assert.throws(() => adoptResult(library, 'few', { kind: 'level', level: 9 }), (error: unknown) => error instanceof TapsError && error.code === 'not-found' && /Choose from 0 to 2/.test(error.advice));
  });

  test('a limit against full fine-tuning needs one to compare with', async () => {
    const budget = accuracyBudget(library, 'few', 2);
    const full = library.runs.heads({ taskId: library.tasks.get('few').id, status: 'done' }).find(({ config }) => config.method === 'full-fine-tuning');
    assert.deepEqual(budget, { kind: 'accuracy', points: 2, reference: full?.result?.validation.accuracy });
    copyDrawings(join(folder, 'other'), 2, 8);
    await addTask(library, { name: 'other', base: 'small', images: join(folder, 'other'), seed: 1, validation: 0.2, test: 0.3 });
    assert.throws(() => accuracyBudget(library, 'other', 2), (error: unknown) => error instanceof TapsError && error.code === 'not-found' && /taps train other --method full/.test(error.advice));
  });
});
