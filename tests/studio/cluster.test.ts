/** @file Runs on a real Slurm in the studio: listed with their progress, cancelled, sent again, taken in; they outlive the program. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { slurmOptions } from '../../src-main/cluster/slurm-options.ts';
import { submitSweep } from '../../src-main/services/cluster/submit.ts';
import type { RunView } from '../../src-main/contract/studio/runs.ts';
import { openLibrary } from '../../src-main/services/open-library.ts';
import { planSweep } from '../../src-main/services/sweep-plan.ts';
import { startSlurm, type TestSlurm } from '../helpers/slurm.ts';
import { operation, StudioPlace } from './harness.ts';

const started = await startSlurm();
const skip = typeof started === 'string' ? started : false;
const slurm = (): TestSlurm => {
  assert.ok(typeof started !== 'string');
  return started;
};

describe('runs on Slurm', { skip }, () => {
  const place = new StudioPlace();
  before(() => {
    Object.assign(process.env, slurm().env);
  });
  after(async () => {
    await slurm().stop();
    await place.remove();
  });

  test('listed, cancelled, sent again and taken in; closing the studio does not stop them', async () => {
    const first = await place.start();
    const { taskId } = await first.taskFromSample();
    await first.studio.close();
    const [long, short] = ((): [string, string] => {
      using library = openLibrary(place.libraryFolder);
      const plan = (seed: number, epochs: number): ReturnType<typeof planSweep>['entries'] =>
        planSweep(library, { tasks: [taskId], methods: ['linear-probe'], lambdas: [], budgets: [], path: null, seeds: [seed], common: { epochs, batchSize: 32, threads: 1, imageSize: 32 } }).entries;
      return [plan(0, 9000), plan(1, 2)].map((entries) => library.sweeps.add('one', entries).id) as [string, string];
    })();
    const runOf = async (sweepId: string): Promise<string> => {
      using library = openLibrary(place.libraryFolder);
      await submitSweep(library, sweepId, { slurm: slurmOptions({ time: '60', cpus: 1 }), program: [process.execPath, join(import.meta.dirname, '../../src-main/cli/main.ts')] });
      return library.sweeps.get(sweepId).entries[0]?.runId ?? '';
    };
    const [longRun, shortRun] = [await runOf(long), await runOf(short)];

    const second = await place.start();
    const listed = await second.ask('run.list', {});
    assert.deepEqual(listed.map(({ status, cluster }) => [status, cluster === null]), [['queued', false], ['queued', false]], 'a start of the program does not interrupt them');
    const running = await second.until(longRun, ({ status, progress }) => status === 'running' && progress !== null && progress.epoch >= 2, 'progress');
    assert.match(running.cluster?.job ?? '', /^\d+_0$/);
    assert.deepEqual([running.stage, running.canResume, running.position], ['training', false, null]);
    const { epochs } = await second.ask('run.show', { runId: longRun });
    assert.ok(epochs.length >= 1 && epochs.every(({ trainLoss }) => trainLoss > 0));
    assert.ok(second.events.some(({ name }) => name === 'run.epoch'));
    assert.match((await second.refusal('run.pause', { runId: longRun })).message, /is running/);
    assert.match((await second.refusal('removal.start', { kind: 'task', id: taskId })).message, /is going or waiting/);

    mkdirSync(join(place.folder, 'elsewhere'));
    const { token } = await second.studio.grants.add(join(place.folder, 'elsewhere'));
    assert.match((await second.refusal('library.move', { folder: token, operationId: operation() })).message, /^Slurm has (a run|2 runs) of this library\.$/);

    const done = await second.until(shortRun, ({ status }) => status === 'done', 'the result');
    assert.ok(done.deltaId !== null);
    assert.equal(done.cluster?.state, 'finished');
    assert.equal((await second.ask('run.show', { runId: shortRun })).epochs.length, 2);
    assert.equal(second.studio.busy(), false, 'closing stops nothing');
    await second.studio.close();
    assert.match(await slurm().ask('squeue', '--noheader', '--states=running', '--format=%j'), /taps-/, 'the job goes on without the studio');

    const third = await place.start();
    await third.until(longRun, ({ status, progress }) => status === 'running' && progress !== null, 'progress');
    assert.deepEqual(await third.ask('run.stop', { runId: longRun, keepBest: false }), { stopping: true });
    const ended = async (): Promise<RunView | undefined> => {
      for (let waited = 0; waited < 150; waited++) {
        const run = (await third.ask('run.list', {})).find(({ id }) => id === longRun);
        if (run?.stage === 'ended') return run;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      return undefined;
    };
    const stopped = await ended();
    assert.deepEqual([stopped?.status, stopped?.canResume], ['cancelled', true], JSON.stringify(stopped));
    const again = await third.ask('run.resume', { runId: longRun });
    assert.ok(['queued', 'running'].includes(again.status), again.status);
    const onwards = await third.until(longRun, ({ status, progress }) => status === 'running' && progress !== null, 'progress');
    assert.ok((onwards.progress?.epoch ?? 0) > (running.progress?.epoch ?? 0) - 1, 'from its checkpoint');
    assert.notEqual(onwards.cluster?.job, running.cluster?.job);
  });
});
