/** @file Ending a run early: after any step, the best epoch so far becomes the result, the same bytes every time. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TrainerEvent, TrainJob } from '../../src-main/contract/trainer-protocol.ts';
import type { TrainResult } from '../../src-main/contract/training.ts';
import { decodeTaskFile } from '../../src-main/formats/task-file.ts';
import { TrainerClient } from '../../src-main/supervisor/trainer-client.ts';
import { LoopControl } from '../../src-main/trainer/control.ts';
import { runTrainJob } from '../../src-main/trainer/train-job.ts';
import { isEligible } from '../../src-main/training/selection.ts';
import { makeTinyRun, type TinyRun } from '../helpers/tiny-run.ts';

let tiny: TinyRun;
before(async () => {
  tiny = await makeTinyRun();
});
after(() => {
  tiny.remove();
});

/** Asks for the end at the given breath: between steps and between batches of evaluation alike. */
class FinishingControl extends LoopControl {
  #breaths = 0;
  readonly #at: number;

  constructor(at: number) {
    super();
    this.#at = at;
  }

  get breaths(): number {
    return this.#breaths;
  }

  override async breathe(): Promise<void> {
    if (++this.#breaths === this.#at) this.finish();
    await super.breathe();
  }
}

async function finishAt(job: TrainJob, at: number): Promise<{ result: TrainResult; bytes: Buffer; events: TrainerEvent[]; breaths: number }> {
  const events: TrainerEvent[] = [];
  const control = new FinishingControl(at);
  const done = await runTrainJob(job, control, (event) => events.push(event));
  assert.equal(done.kind, 'done');
  return { result: done.result, bytes: readFileSync(join(job.runFolder, 'task.safetensors')), events, breaths: control.breaths };
}

test('asked after every step and in every evaluation, the run ends with a result that says so, the same bytes each time', async () => {
  const config = { epochs: 4, warmupEpochs: 1 };
  const whole = await finishAt(tiny.job(config, 'whole'), Number.POSITIVE_INFINITY);
  assert.equal(whole.result.endedEarly, undefined);
  const eligible = (epoch: number): boolean => isEligible(epoch, { ...tiny.job(config).config });
  let early = 0;
  for (let at = 1; at <= whole.breaths; at += 2) {
    const { result, bytes } = await finishAt(tiny.job(config, `first-${String(at)}`), at);
    const again = await finishAt(tiny.job(config, `second-${String(at)}`), at);
    assert.deepEqual(again.bytes, bytes, `asked at ${String(at)}`);
    assert.equal(decodeTaskFile(bytes).layers.length, 6);
    assert.ok(result.test.images > 0 && result.validation.images > 0);
    assert.ok(result.epochs.some(({ epoch }) => epoch === result.bestEpoch));
    if (result.endedEarly === true) early++;
    const complete = result.epochs.filter(({ epoch }) => eligible(epoch));
    // With no eligible epoch the present state is kept as the last one.
    if (complete.length === 0) assert.equal(result.bestEpoch, result.epochs.at(-1)?.epoch);
    if (result.endedEarly === undefined) assert.deepEqual(bytes, whole.bytes);
  }
  assert.ok(early >= 6, `${String(early)} runs ended early`);
});

test('what was best before the end was asked for is what is kept', async () => {
  const config = { epochs: 5, warmupEpochs: 0, lambda: 0 };
  const whole = await finishAt(tiny.job(config, 'reference'), Number.POSITIVE_INFINITY);
  const perEpoch = Math.floor(whole.breaths / 7);
  const cut = await finishAt(tiny.job(config, 'cut'), perEpoch * 3);
  assert.equal(cut.result.endedEarly, true);
  assert.ok(cut.result.epochs.length < 5);
  cut.result.epochs.forEach((metrics, index) => {
    assert.deepEqual({ ...metrics, seconds: 0 }, { ...whole.result.epochs[index], seconds: 0 });
  });
});

test('the child obeys, also while paused', async () => {
  const trainer = new TrainerClient();
  const stages: string[] = [];
  const done = await trainer.train(tiny.job({ epochs: 500 }, 'child'), (event) => {
    if (event.kind === 'stage') stages.push(event.stage);
    if (event.kind === 'epoch' && event.metrics.epoch === 1) trainer.pause();
    if (event.kind === 'paused') trainer.finish();
  });
  await trainer.stop();
  assert.equal(done.result.endedEarly, true);
  assert.ok(done.result.epochs.length >= 2 && done.result.epochs.length < 500);
  assert.deepEqual(stages, ['loading', 'compiling', 'training', 'evaluating', 'saving']);
});
