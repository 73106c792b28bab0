/** @file A head start: the first step begins with a head that fits the base. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { TrainerEvent } from '../../src-main/contract/trainer-protocol.ts';
import type { TrainConfig } from '../../src-main/contract/training.ts';
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

async function run(overrides: Partial<TrainConfig>, name: string): Promise<{ bytes: Buffer; event: Extract<TrainerEvent, { kind: 'done' }> }> {
  const event = await runTrainJob(tiny.job({ epochs: 2, lambda: 0, learningRate: 1e-4, ...overrides }, name), new LoopControl(), () => undefined);
  assert.ok(event.kind === 'done');
  return { bytes: readFileSync(event.artifactPath), event };
}

for (const overrides of [{}, { trunkShare: 0.5 }, { method: 'linear-probe' }, { method: 'full-fine-tuning', accumulate: 2 }] as const) {
  test(`before anything has moved the head is far better than a random one: ${JSON.stringify(overrides)}`, async () => {
    const name = JSON.stringify(overrides).replace(/\W/gu, '-');
    const [started, drawn] = [await run({ ...overrides, headStart: true }, `started-${name}`), await run(overrides, `drawn-${name}`)];
    const [first, random] = [started.event.result.epochs[0]?.trainLoss ?? Number.NaN, drawn.event.result.epochs[0]?.trainLoss ?? Number.NaN];
    assert.ok(first < 0.8 * random, `${String(first)} and ${String(random)}`);
    assert.deepEqual((await run({ ...overrides, headStart: true }, `again-${name}`)).bytes, started.bytes, 'the same run is the same bytes');
  });
}
