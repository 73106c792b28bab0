/**
 * @file Jobs of a sweep and their results without a cluster: Slurm's commands are small scripts that only answer, the jobs run in this
 * process. What is damaged, foreign or of another base is refused; what is taken is taken once.
 */
import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import { slurmOptions } from '../../src-main/cluster/slurm-options.ts';
import { addTask } from '../../src-main/services/add-task.ts';
import type { ClusterFolder } from '../../src-main/services/cluster/cluster-folder.ts';
import { writeSealed } from '../../src-main/services/cluster/sealed.ts';
import { clusterFolderOf, submitSweep, type SubmitOutcome } from '../../src-main/services/cluster/submit.ts';
import { collectSweep, findSameSweep, takeBack, waitForSweep } from '../../src-main/services/cluster/sweep-cluster.ts';
import { workOffJob } from '../../src-main/services/cluster/work-off.ts';
import { importBase } from '../../src-main/services/import-base.ts';
import { openLibrary } from '../../src-main/services/open-library.ts';
import { runSweep } from '../../src-main/services/sweep.ts';
import { planSweep, type SweepPlan } from '../../src-main/services/sweep-plan.ts';
import { BASE_FILE, copyDrawings, workplace } from './picture-library.ts';

const place = workplace();
const { folder } = place;
let { library } = place;
const tools = join(folder, 'tools');
const path = process.env['PATH'] ?? '';
const skip = process.platform === 'win32' ? 'Slurm needs a system with sh' : false;

/** @param script what a command of Slurm does */
function answer(command: string, script: string): void {
  writeFileSync(join(tools, command), `#!/bin/sh\n${script}\n`);
  chmodSync(join(tools, command), 0o755);
}

const coded = (code: ErrorCode, pattern = /./) => (error: unknown): boolean => {
  assert.ok(error instanceof TapsError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(`${error.message} ${error.advice}`, pattern);
  return true;
};

const PLAN: SweepPlan = { tasks: ['things'], methods: ['linear-probe'], lambdas: [], budgets: [], path: null, seeds: [0, 1, 2, 3], common: { epochs: 1, batchSize: 8, threads: 1 } };

before(async () => {
  mkdirSync(tools);
  process.env['PATH'] = `${tools}:${path}`;
  await importBase(library, { path: BASE_FILE, name: 'small' });
  copyDrawings(join(folder, 'pictures'), 3, 6);
  await addTask(library, { name: 'things', base: 'small', images: join(folder, 'pictures'), seed: 1, validation: 0.2, test: 0.3 });
});
after(() => {
  process.env['PATH'] = path;
  library.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  answer('sbatch', 'if [ "$1" = --version ]; then echo slurm 1; else echo 77; fi');
  answer('squeue', 'exit 0');
  answer('scontrol', 'echo "MaxArraySize = 3"');
  answer('sacct', 'exit 1');
  answer('scancel', 'exit 0');
});

const submit = (sweepId: string, more: Partial<Parameters<typeof submitSweep>[2]> = {}): Promise<SubmitOutcome> => submitSweep(library, sweepId, { slurm: slurmOptions({}), program: ['taps'], settleMs: 1, ...more });

/** A sent sweep of these seeds, and its folder. */
async function sentSweep(seeds: number[], common: SweepPlan['common'] = {}): Promise<{ id: string; shared: ClusterFolder }> {
  const { id } = library.sweeps.add('seeds', planSweep(library, { ...PLAN, seeds, common: { ...PLAN.common, ...common } }).entries);
  await submit(id);
  return { id, shared: clusterFolderOf(library, library.sweeps.get(id)) };
}

const work = (shared: ClusterFolder, submission: number, index: number): ReturnType<typeof workOffJob> => workOffJob(shared.path, submission, index, { threads: 1, memoryBytes: null });
const deltas = (): number => library.deltas.list(library.tasks.get('things').id).length;
const resultOf = (shared: ClusterFolder, position: number): string => join(shared.jobFolder(position), 'result');

describe('sending', { skip }, () => {
  test('more jobs than an array holds become several; what is refused half-way is told of the rest only', async () => {
    answer('sbatch', `if [ "$1" = --version ]; then echo slurm 1; elif echo "$*" | grep -q -- --array=0-2; then echo 5; else echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2; exit 1; fi`);
    const { id } = library.sweeps.add('two arrays', planSweep(library, PLAN).entries);
    await assert.rejects(submit(id), coded('cluster-failed', /sbatch refused: "sbatch: error: QOSMaxSubmitJobPerUserLimit"/));
    const { entries } = library.sweeps.get(id);
    assert.deepEqual(entries.map(({ runId, failure }) => [library.runs.head(runId ?? '').status, failure === null]), [['queued', true], ['queued', true], ['queued', true], ['failed', false]]);
    const shared = clusterFolderOf(library, library.sweeps.get(id));
    assert.deepEqual((await shared.submissions()).map(({ number, positions, jobId }) => [number, positions, jobId]), [[1, [0, 1, 2], 5]]);

    // Three wait, the fourth is sent again.
    answer('squeue', `for i in 0 1 2; do echo "5|$i|PENDING|Priority|$(sed -n 's/.*"name":"\\([^"]*\\)".*/\\1/p' ${shared.submissionPath(1, 'json')})"; done`);
    answer('sbatch', 'if [ "$1" = --version ]; then echo slurm 1; else echo 6; fi');
    const { sent, before: seen } = await submit(id, { slurm: null, program: null });
    assert.deepEqual(sent, [3]);
    assert.deepEqual(seen.jobs.map(({ state, slurm }) => [state, slurm]), [['waiting', '5_0'], ['waiting', '5_1'], ['waiting', '5_2'], ['unsent', null]]);
    assert.ok(findSameSweep(library, planSweep(library, PLAN).entries)?.id === id);
    assert.equal(findSameSweep(library, planSweep(library, { ...PLAN, seeds: [0] }).entries), null);
    await assert.rejects(runSweep(library, id), coded('usage', /is on Slurm/));
    await assert.rejects(takeBack(library, id), coded('usage', /3 jobs of the sweep .* are with Slurm/));
    answer('squeue', 'exit 0');
    await takeBack(library, id);
    assert.equal(library.sweeps.get(id).place, null);
  });

  test('without sbatch nothing is recorded as sent; without an answer of squeue nothing is sent twice', async () => {
    rmSync(join(tools, 'sbatch'));
    process.env['PATH'] = join(folder, 'no-tools');
    const { id } = library.sweeps.add('no slurm', planSweep(library, PLAN).entries);
    try {
      await assert.rejects(submit(id), coded('cluster-failed', /There is no sbatch on this machine/));
    } finally {
      process.env['PATH'] = `${tools}:${path}`;
    }
    assert.equal(library.sweeps.get(id).place, null);
    answer('sbatch', 'if [ "$1" = --version ]; then echo slurm 1; else echo 77; fi');
    const { id: away } = await sentSweep([8]);
    answer('squeue', 'echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1');
    await assert.rejects(submit(away), coded('cluster-failed', /Unable to contact slurm controller/));
  });

  test('a folder of another sweep is refused', async () => {
    const { shared } = await sentSweep([0]);
    const { id } = library.sweeps.add('other', planSweep(library, { ...PLAN, seeds: [5] }).entries);
    await assert.rejects(submit(id, { folder: shared.path }), coded('run-incompatible', /holds the sweep .*, not/));
    assert.equal(library.sweeps.get(id).place, null);
  });
});

describe('taking in', { skip }, () => {
  test('results are taken once; hashes, blobs and metrics are there', async () => {
    const { id, shared } = await sentSweep([10, 11]);
    await work(shared, 1, 0);
    const before = deltas();
    const first = await collectSweep(library, id);
    assert.deepEqual(first.collected, { taken: [0], refused: [] });
    const [done, open] = library.sweeps.get(id).entries.map(({ runId }) => library.runs.get(runId ?? ''));
    assert.deepEqual([done?.status, done?.metrics.length, open?.status], ['done', 1, 'failed'], 'the other one is gone without a result');
    assert.equal(done && existsSync(done.folder), false);
    assert.deepEqual((await collectSweep(library, id)).collected, { taken: [], refused: [] });
    assert.equal(deltas(), before + 1);
    // A job that Slurm starts once more changes nothing.
    const written = statSync(join(resultOf(shared, 0), 'result.json')).mtimeMs;
    await work(shared, 1, 0);
    assert.equal(statSync(join(resultOf(shared, 0), 'result.json')).mtimeMs, written);
    assert.equal((await library.verify()).ok, true);
  });

  test('what is cut off, changed, foreign or of another base is refused in words, and sent again', async () => {
    const { id, shared } = await sentSweep([20, 21, 22]);
    for (const index of [0, 1, 2]) await work(shared, 1, index);
    const before = deltas();
    const whole = join(folder, 'whole');
    cpSync(shared.at('jobs'), whole, { recursive: true });
    const artifact = (position: number): string => join(resultOf(shared, position), readdirSync(resultOf(shared, position)).find((name) => name.endsWith('.safetensors')) ?? '');
    const refusal = async (position: number): Promise<string> => {
      const { collected } = await collectSweep(library, id);
      assert.deepEqual(collected.taken, []);
      const found = collected.refused.find((each) => each.position === position);
      assert.ok(found, JSON.stringify(collected));
      return `${found.error.code}: ${found.error.message}`;
    };
    const restore = (): void => {
      cpSync(whole, shared.at('jobs'), { recursive: true, force: true });
    };
    const spoilAll = (spoil: (position: number) => void): void => {
      for (const position of [0, 1, 2]) spoil(position);
    };

    spoilAll((position) => { truncateSync(join(resultOf(shared, position), 'result.json'), 200); });
    assert.match(await refusal(0), /cluster-failed: .*result\.json cannot be used: it is cut off/);
    restore();
    spoilAll((position) => {
      const file = join(resultOf(shared, position), 'result.json');
      writeFileSync(file, readFileSync(file, 'utf8').replace('"bestEpoch":0', '"bestEpoch":1'));
    });
    assert.match(await refusal(1), /cluster-failed: .*has changed since it was written/);
    restore();
    spoilAll((position) => { truncateSync(artifact(position), 100); });
    assert.match(await refusal(0), /has 100 bytes instead of \d+/);
    restore();
    spoilAll((position) => {
      const bytes = readFileSync(artifact(position));
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      writeFileSync(artifact(position), bytes);
    });
    assert.match(await refusal(2), /\.safetensors has changed since it was written/);
    restore();
    // The result of one job in the place of another, all round.
    spoilAll((position) => { cpSync(join(whole, String((position + 1) % 3).padStart(4, '0'), 'result'), resultOf(shared, position), { recursive: true, force: true }); });
    assert.match(await refusal(0), /run-incompatible: .*is of another job/);
    restore();
    for (const position of [0, 1, 2]) {
      const found = await shared.result(position);
      await writeSealed(join(resultOf(shared, position), 'result.json'), 'result', { ...found, baseId: 'e'.repeat(64) });
    }
    assert.match(await refusal(0), /base-mismatch: .*learnt on the base eeeeeeeeeeee/);

    assert.equal(deltas(), before);
    assert.deepEqual(library.sweeps.get(id).entries.map(({ failure }) => /learnt on the base/.test(failure ?? '')), [true, true, true]);
    assert.equal((await library.verify()).ok, true);
    assert.deepEqual((await submit(id)).sent, [0, 1, 2]);
    assert.equal(existsSync(join(resultOf(shared, 0), 'result.json')), false);
    for (const index of [0, 1, 2]) await work(shared, 2, index);
    assert.deepEqual((await collectSweep(library, id)).collected, { taken: [0, 1, 2], refused: [] });
    assert.equal(deltas(), before + 3);
  });

  test('a run that was removed does not come back by itself', async () => {
    const { id, shared } = await sentSweep([30]);
    await work(shared, 1, 0);
    await collectSweep(library, id);
    const before = deltas();
    await library.runs.remove(library.sweeps.get(id).entries[0]?.runId ?? '');
    assert.deepEqual((await collectSweep(library, id)).collected, { taken: [], refused: [] });
    assert.equal(deltas(), before - 1);
  });

  test('a library that another machine writes is left alone, in words; results wait', async () => {
    const { id, shared } = await sentSweep([40]);
    await work(shared, 1, 0);
    library.close();
    const lock = join(library.folder, 'library.lock');
    const free = readFileSync(lock);
    writeFileSync(lock, JSON.stringify({ pid: 4711, processStart: null, host: 'another-machine' }).padEnd(511) + '\n');
    const stop = new AbortController();
    const said: string[] = [];
    await assert.rejects(
      waitForSweep(library.folder, id, {
        pollMs: 10,
        signal: stop.signal,
        onTrouble: ({ message }) => {
          said.push(message);
          if (said.length === 3) stop.abort();
        },
      }),
      coded('cancelled', /the jobs go on/),
    );
    assert.match(said[0] ?? '', /in use by process 4711 on another-machine/);
    writeFileSync(lock, free);
    await waitForSweep(library.folder, id, { pollMs: 10 });
    library = openLibrary(library.folder);
    assert.equal(library.runs.head(library.sweeps.get(id).entries[0]?.runId ?? '').status, 'done');
  });
});

describe('a job', { skip }, () => {
  test('looks at its pictures and its version before it learns; what is damaged is written anew by the next submission', async () => {
    const { id, shared } = await sentSweep([50]);
    const size = readdirSync(shared.at('pictures')).find((name) => name !== 'sets') ?? '';
    const two = readdirSync(shared.at('pictures', size))[0] ?? '';
    const file = shared.at('pictures', size, two, readdirSync(shared.at('pictures', size, two))[0] ?? '');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(file, bytes);
    await assert.rejects(work(shared, 1, 0), coded('cluster-failed', /The decoded picture .* has changed since it was written/));
    const [seen] = (await shared.look([0])).jobs;
    assert.deepEqual([seen?.state, seen?.failure?.code], ['failed', 'cluster-failed']);
    assert.match(seen?.failure?.message ?? '', /has changed since it was written/);
    await collectSweep(library, id);
    assert.match(library.sweeps.get(id).entries[0]?.failure ?? '', /has changed since it was written/);
    await submit(id);
    await work(shared, 2, 0);

    const job = await shared.job(0);
    assert.ok(job);
    await shared.writeJob({ ...job, program: '0.0.0-old' });
    await assert.rejects(workOffJob(shared.path, 2, 0, { threads: 1, memoryBytes: null }), coded('cluster-failed', /sent by taps 0\.0\.0-old/));
    await assert.rejects(workOffJob(shared.path, 2, 1, { threads: 1, memoryBytes: null }), coded('not-found', /no job 1 in submission 2/));
    await assert.rejects(workOffJob(join(folder, 'nowhere'), 1, 0, { threads: 1, memoryBytes: null }), coded('not-found'));
  });

  test('what makes it impossible is recorded as of a run here', async () => {
    const impossible = { kind: 'bytes', bytes: 10, bitsPerWeight: 32 } as const;
    const { id } = library.sweeps.add('impossible', planSweep(library, { ...PLAN, methods: ['taps'], budgets: [impossible], seeds: [0] }).entries);
    await submit(id);
    const shared = clusterFolderOf(library, library.sweeps.get(id));
    await assert.rejects(work(shared, 1, 0), (error: unknown) => error instanceof TapsError && /10 bytes cannot be held/.test(error.message));
    await collectSweep(library, id);
    const [entry] = library.sweeps.get(id).entries;
    assert.match(entry?.failure ?? '', /10 bytes cannot be held.*Give at least \d+ bytes/);
    assert.equal(library.runs.head(entry?.runId ?? '').status, 'failed');
  });
});
