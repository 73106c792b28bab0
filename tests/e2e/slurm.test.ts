/** @file `taps sweep --on slurm` as a person uses it, on a real Slurm of one node. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { ClusterFolder, type ClusterJobView } from '../../src-main/services/cluster/cluster-folder.ts';
import { openLibraryForReading } from '../../src-main/services/open-library.ts';
import { startSlurm, type TestSlurm } from '../helpers/slurm.ts';
import { copyDrawings } from '../services/picture-library.ts';
import { BASE_FILE, spawnTaps, taps, type Outcome } from './run-taps.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';

const started = await startSlurm();
const skip = typeof started === 'string' ? started : false;
const slurm = (): TestSlurm => {
  assert.ok(typeof started !== 'string');
  return started;
};

describe('a sweep on Slurm', { skip }, () => {
  const place = mkdtempSync(join(tmpdir(), 'taps-e2e-slurm-'));
  const libraryFolder = join(place, 'library');
  const at = ['--library', libraryFolder];
  const quick = ['--batch', '8', '--threads', '1', ...at];
  const onSlurm = ['--on', 'slurm', '--cpus', '1', '--time', '20'];

  before(async () => {
    Object.assign(process.env, slurm().env, { TAPS_SLURM_POLL_SECONDS: '0.5' });
    copyDrawings(join(place, 'pictures'), 3, 10);
    assert.equal((await taps('base', 'import', BASE_FILE, ...at)).code, 0);
    assert.equal((await taps('task', 'add', 'things', '--base', 'cifar10-resnet', '--images', join(place, 'pictures'), ...at)).code, 0);
  });
  after(async () => {
    await slurm().stop();
    rmSync(place, { recursive: true, force: true });
  });

  /** Per setting of the newest sweep: hashes of all results of its runs. */
  function results(): Record<string, string[]> {
    using library = openLibraryForReading(libraryFolder);
    const [sweep] = library.sweeps.list();
    assert.ok(sweep);
    return Object.fromEntries(
      sweep.entries.map(({ setting, config, runId, taskId }) => [
        `${setting}, seed ${String(config.seed)}`,
        library.deltas.list(taskId).filter((delta) => delta.runId === runId).map(({ pathLevel, derivedFrom, blob }) => `${String(pathLevel)} ${String(derivedFrom !== null)} ${blob.sha256}`).sort(),
      ]),
    );
  }

  function newestSweep(): { id: string; folder: ClusterFolder } {
    using library = openLibraryForReading(libraryFolder);
    const [sweep] = library.sweeps.list();
    assert.ok(sweep?.place);
    return { id: sweep.id, folder: new ClusterFolder(join(libraryFolder, 'cluster', sweep.id)) };
  }

  const jobsOf = (outcome: Outcome): ClusterJobView[] => (outcome.json as { jobs: ClusterJobView[] }).jobs;

  /** Waits until the only job of the newest sweep looks as wanted. */
  async function untilJob(wanted: (job: ClusterJobView) => boolean): Promise<ClusterJobView> {
    const { folder } = newestSweep();
    for (let waited = 0; waited < 90_000; waited += 200) {
      const [job] = (await folder.look([0])).jobs;
      assert.ok(job);
      if (wanted(job)) return job;
      await sleep(200);
    }
    assert.fail(`the job did not get there: ${JSON.stringify((await folder.look([0])).jobs)}`);
  }

  const checkpoints = (): string[] => {
    const run = join(newestSweep().folder.jobFolder(0), 'run');
    return existsSync(run) ? readdirSync(run).filter((name) => name.startsWith('checkpoint-') && name.endsWith('.safetensors')) : [];
  };

  test('ends with the bytes of the same sweep here; a second time there is nothing to do', async () => {
    const words = ['sweep', 'things', '--methods', 'taps,probe', '--lambdas', '1', '--path', '3', '--epochs', '3', '--encoding', 'float16', ...quick];
    const here = await taps(...words);
    assert.equal(here.code, 0, here.err);
    const expected = results();
    const there = await taps(...words, ...onSlurm, '--json');
    assert.equal(there.code, 0, there.err);
    assert.deepEqual([(there.json as { done: number }).done, (there.json as { total: number }).total], [3, 3]);
    assert.match(there.err, /Sent 3 jobs to Slurm as \d+/);
    assert.match(there.err, /3 of 3 finished/);
    assert.deepEqual(results(), expected);
    assert.ok(Object.values(expected).some((files) => files.length === 4), 'three levels and a smaller form');

    const again = await taps('sweep', '--collect', newestSweep().id, '--json', ...at);
    assert.equal(again.code, 0, again.err);
    assert.deepEqual([jobsOf(again), (again.json as { collected: object }).collected], [[], { taken: [], refused: [] }]);
    assert.deepEqual(results(), expected);
    assert.deepEqual(readdirSync(newestSweep().folder.path).sort(), ['batch.json', 'logs', 'submissions'], 'what jobs needed and left is gone');
    assert.equal((await taps('library', 'verify', ...at)).code, 0);
  });

  test('what sbatch refuses is said in its words; the same command with other options goes on', async () => {
    const words = ['sweep', 'things', '--methods', 'probe', '--seeds', '1', '--epochs', '2', ...quick];
    const refused = await taps(...words, ...onSlurm, '--partition', 'nowhere');
    assert.equal(refused.code, 5, refused.err);
    assert.match(refused.err, /sbatch refused: ".*invalid partition specified: nowhere/);
    const { id } = newestSweep();
    // What is asked for on the command line holds against Slurm's own variables.
    process.env['SBATCH_ARRAY_INX'] = '7-9';
    process.env['SBATCH_OUTPUT'] = join(place, 'elsewhere.log');
    const accepted = await taps(...words, ...onSlurm, '--json');
    delete process.env['SBATCH_ARRAY_INX'];
    delete process.env['SBATCH_OUTPUT'];
    assert.equal(accepted.code, 0, accepted.err);
    assert.match(accepted.err, /has the same runs and is on Slurm: going on with it/);
    assert.equal((accepted.json as { id: string }).id, id);
    const wrong = await taps(...words, ...onSlurm, '--sbatch=--array=0-9');
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /--sbatch "--array=0-9" is not possible: it is set by taps itself/);
    assert.match((await taps(...words, '--partition', 'test')).err, /--partition is for jobs on Slurm/);
  });

  test('a job that is killed goes on from its checkpoint and ends with the bytes of one that never was', async () => {
    const words = ['sweep', 'things', '--methods', 'probe', '--seeds', '2', '--epochs', '120', ...quick];
    assert.equal((await taps(...words)).code, 0);
    const expected = results();
    const sent = await taps(...words, ...onSlurm, '--no-wait', '--json');
    assert.equal(sent.code, 0, sent.err);
    await untilJob(({ state, progress }) => state === 'running' && (progress?.progress?.epoch ?? 0) >= 5 && checkpoints().length > 0);
    const { folder, id } = newestSweep();
    process.kill(pidOf(folder.path), 'SIGKILL');
    const failed = await untilJob(({ state }) => state === 'failed');
    assert.match(failed.failure?.message ?? '', /ended by signal 9/);
    assert.ok(checkpoints().length > 0);
    const before = await folder.epochs(0);
    const collected = await taps('sweep', '--collect', id, '--json', ...at);
    assert.deepEqual(jobsOf(collected).map(({ state }) => state), ['failed']);
    assert.match((await taps('sweep', '--report', id, ...at)).err, /failed: things linear-probe, seed 2: The job ended by signal 9/);

    const again = await taps(...words, ...onSlurm, '--json');
    assert.equal(again.code, 0, again.err);
    assert.deepEqual(results(), expected);
    using library = openLibraryForReading(libraryFolder);
    const { metrics } = library.runs.get(library.sweeps.get(id).entries[0]?.runId ?? '');
    assert.equal(metrics.length, 120);
    // What was learnt before is not learnt again: the times it took are the ones it took then.
    assert.deepEqual(metrics.slice(0, 5).map(({ seconds }) => seconds), before.slice(0, 5).map(({ seconds }) => seconds));
  });

  test('Ctrl-C ends the waiting, not the job; a warning of its time leaves a checkpoint; cancelling works', async () => {
    const words = ['sweep', 'things', '--methods', 'probe', '--seeds', '3', '--epochs', '9000', ...quick];
    const { child, done } = spawnTaps([...words, ...onSlurm]);
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    for (let waited = 0; waited < 60_000 && !said.includes('1 running'); waited += 100) await sleep(100);
    child.kill('SIGINT');
    const stopped = await done;
    assert.equal(stopped.code, 130, stopped.err);
    assert.match(stopped.err, /the jobs go on\.\n→ Take finished results in with: taps sweep --collect/);
    const job = await untilJob(({ state, progress }) => state === 'running' && (progress?.progress?.epoch ?? 0) >= 2);
    assert.match((await taps('sweep', '--collect', ...at)).out, /seed 3: running \(epoch \d+\/9000, validation/);

    await slurm().ask('scancel', '--batch', '--signal=USR2', job.slurm ?? '');
    const warned = await untilJob(({ state }) => state === 'failed');
    assert.match(warned.failure?.message ?? '', /time of the job was nearly over; it stopped with a checkpoint/);
    assert.ok(checkpoints().length > 0);

    const again = await taps('sweep', '--resume', '--time', '30', '--no-wait', ...at);
    assert.equal(again.code, 0, again.err);
    assert.deepEqual((await newestSweep().folder.submissions()).map(({ options: { time, cpus } }) => [time, cpus]), [['20', 1], ['30', 1]]);
    await untilJob(({ state, progress }) => state === 'running' && (progress?.progress?.epoch ?? 0) >= 2);
    const back = await taps('sweep', '--resume', '--on', 'here', ...at);
    assert.equal(back.code, 2, back.err);
    assert.match(back.err, /1 jobs of the sweep .* are with Slurm.*\n→ Cancel them first/);
    assert.match((await taps('sweep', '--cancel', ...at)).out, /Cancelled 1 jobs/);
    const cancelled = await untilJob(({ state }) => state === 'failed');
    assert.equal(cancelled.failure?.code, 'cancelled');
    assert.equal((await slurm().ask('squeue', '--noheader')).trim(), '');
  });

  test('a job without enough memory says so', async () => {
    const ended = await taps('sweep', 'things', '--methods', 'full', '--seeds', '4', ...quick, '--epochs', '400', ...onSlurm, '--mem', '60M', '--json');
    assert.equal(ended.code, 0, ended.err);
    const { failures } = ended.json as { failures: { failure: string }[] };
    assert.equal(failures.length, 1);
    assert.match(failures[0]?.failure ?? '', /more than its limit of 54 MiB/);
    assert.equal((await taps('library', 'verify', ...at)).code, 0);
  });
});

/** Of the program that works off a job of this folder. */
function pidOf(folder: string): number {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/u.test(entry))) {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      if (words.includes('cluster-job') && words.includes(folder)) return Number(name);
    } catch {
      // Ended meanwhile.
    }
  }
  return assert.fail('no such process');
}
