/** @file A run that is cancelled, killed or terminated at any step goes on to the same bytes as one that is left alone. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import type { TrainerEvent, TrainJob } from '../../src-main/contract/trainer-protocol.ts';
import { decodeTaskFile } from '../../src-main/formats/task-file.ts';
import { TrainerClient } from '../../src-main/supervisor/trainer-client.ts';
import { LoopControl } from '../../src-main/trainer/control.ts';
import { runTrainJob } from '../../src-main/trainer/train-job.ts';
import { makeTinyRun, type TinyRun } from '../helpers/tiny-run.ts';

let tiny: TinyRun;
before(async () => {
  tiny = await makeTinyRun();
});
after(() => {
  tiny.remove();
});

/** In this process: cancels after the given number of steps, so that every step can be tried quickly. */
async function runCancelledAt(job: TrainJob, steps: number): Promise<void> {
  const control = new LoopControl();
  let breaths = 0;
  const counting = Object.assign(Object.create(control) as LoopControl, {
    breathe: async () => {
      if (++breaths === steps) control.cancel();
      await control.breathe();
    },
  });
  Object.defineProperty(counting, 'cancelled', { get: () => control.cancelled });
  Object.defineProperty(counting, 'finishing', { get: () => control.finishing });
  await assert.rejects(runTrainJob(job, counting, () => undefined), (error: unknown) => error instanceof TapsError && error.code === 'cancelled');
}

describe('resume', () => {
  test('after a cancel at every step of the run, the task file has the same bytes', async () => {
    const whole = tiny.job({ epochs: 2 }, 'whole');
    const events: TrainerEvent[] = [];
    const done = await runTrainJob(whole, new LoopControl(), (event) => events.push(event));
    assert.equal(done.kind, 'done');
    const expected = readFileSync(join(whole.runFolder, 'task.safetensors'));
    assert.ok(decodeTaskFile(expected).layers.length === 6);
    assert.ok(!readdirSync(whole.runFolder).some((file) => file.startsWith('checkpoint')), 'checkpoints of a finished run are gone');
    const steps = events.filter((event) => event.kind === 'epoch').length * 4;
    assert.ok(steps >= 8);
    for (let cut = 1; cut <= steps; cut++) {
      const job = tiny.job({ epochs: 2 }, `cut-${String(cut)}`);
      const control = runCancelledAt(job, cut);
      // A breath during evaluation cancels at the next step; the last ones may come too late to cancel anything.
      const cancelled = await control.then(() => true, () => false);
      if (!cancelled) break;
      const resumed = await runTrainJob({ ...job, resume: true }, new LoopControl(), () => undefined);
      assert.equal(resumed.kind, 'done');
      assert.deepEqual(readFileSync(join(job.runFolder, 'task.safetensors')), expected, `cut at step ${String(cut)}`);
    }
  });

  test('after SIGKILL of the trainer child', async () => {
    const whole = tiny.job({ epochs: 12 }, 'kill-whole');
    await runTrainJob(whole, new LoopControl(), () => undefined);
    const expected = readFileSync(join(whole.runFolder, 'task.safetensors'));

    const job = tiny.job({ epochs: 12 }, 'killed');
    const first = new TrainerClient();
    const failure = await first
      .train(job, (event) => {
        if (event.kind === 'epoch' && event.metrics.epoch === 4) process.kill(first.pid, 'SIGKILL');
      })
      .then(() => null, (error: unknown) => error);
    assert.ok(failure instanceof TapsError && failure.code === 'child-crashed', String(failure));
    assert.match(failure.message, /SIGKILL/);
    assert.ok(!existsSync(join(job.runFolder, 'task.safetensors')));

    const second = new TrainerClient();
    const epochs: number[] = [];
    await second.train({ ...job, resume: true }, (event) => {
      if (event.kind === 'epoch') epochs.push(event.metrics.epoch);
    });
    await second.stop();
    assert.deepEqual(epochs, Array.from({ length: 12 }, (_, epoch) => epoch), 'every epoch is reported once, old ones again');
    assert.deepEqual(readFileSync(join(job.runFolder, 'task.safetensors')), expected);
  });

  test('a damaged newest checkpoint is passed over, one of another configuration is refused', async () => {
    const job = tiny.job({ epochs: 3 }, 'damaged');
    await runCancelledAt(job, 14);
    const checkpoints = readdirSync(job.runFolder).filter((file) => file.startsWith('checkpoint')).sort();
    assert.equal(checkpoints.length, 2);
    truncateSync(join(job.runFolder, checkpoints[1] ?? ''), 100);
    const whole = tiny.job({ epochs: 3 }, 'damaged-whole');
    await runTrainJob(whole, new LoopControl(), () => undefined);
    await assert.rejects(
      runTrainJob({ ...job, resume: true, config: { ...job.config, learningRate: 0.5 } }, new LoopControl(), () => undefined),
      (error: unknown) => error instanceof TapsError && error.code === 'run-incompatible',
    );
    await runTrainJob({ ...job, resume: true }, new LoopControl(), () => undefined);
    assert.deepEqual(readFileSync(join(job.runFolder, 'task.safetensors')), readFileSync(join(whole.runFolder, 'task.safetensors')));
  });

  test('pause stands still, resume goes on, SIGTERM leaves a checkpoint', async () => {
    const job = tiny.job({ epochs: 400 }, 'paused');
    const client = new TrainerClient();
    const kinds: string[] = [];
    const run = client.train(job, (event) => {
      kinds.push(event.kind);
      if (event.kind === 'epoch' && event.metrics.epoch === 1) client.pause();
      if (event.kind === 'paused') client.resume();
      if (event.kind === 'resumed') process.kill(client.pid, 'SIGTERM');
    });
    await assert.rejects(run, (error: unknown) => error instanceof TapsError && error.code === 'cancelled');
    assert.ok(kinds.indexOf('paused') < kinds.indexOf('resumed'));
    assert.ok(readdirSync(job.runFolder).some((file) => file.startsWith('checkpoint')));
    await client.stop();
  });
});

describe('runs that cannot succeed', () => {
  test('a loss that becomes infinite stops the run with step and learning rate', async () => {
    const job = tiny.job({ learningRate: 100, momentum: 0.99, epochs: 30 }, 'diverges');
    await assert.rejects(runTrainJob(job, new LoopControl(), () => undefined), (error: unknown) => {
      assert.ok(error instanceof TapsError);
      assert.equal(error.code, 'non-finite');
      assert.match(error.message, /epoch \d+, step \d+/);
      return true;
    });
    assert.ok(!existsSync(join(job.runFolder, 'task.safetensors')));
  });

  test('a base whose file was changed is refused', async () => {
    const job = tiny.job({}, 'foreign');
    const wrong = { ...job, base: { ...job.base, weightsSha256: 'f'.repeat(64) } };
    await assert.rejects(runTrainJob(wrong, new LoopControl(), () => undefined), (error: unknown) => error instanceof TapsError && error.code === 'library-damaged');
  });

  for (const method of ['full-fine-tuning', 'linear-probe', 'norm-head'] as const) {
    test(`${method} runs through the same loop and stores what it changes`, async () => {
      const job = tiny.job({ method, epochs: 2 }, method);
      const outcome = await runTrainJob(job, new LoopControl(), () => undefined);
      assert.equal(outcome.kind, 'done');
      const artifact = decodeTaskFile(readFileSync(join(job.runFolder, 'task.safetensors')));
      assert.equal(artifact.deltas.size, 0);
      assert.equal(artifact.layers.filter((layer) => layer.open).length, method === 'full-fine-tuning' ? 6 : 0);
      assert.equal(artifact.replaced.size === 0, method === 'linear-probe');
    });
  }
});
