/** @file Real runs with a budget and along a path: the budget holds in the file, any cut resumes to the same bytes, an early end keeps what was asked for. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import type { TrainerEvent, TrainJob } from '../../src-main/contract/trainer-protocol.ts';
import type { TrainConfig } from '../../src-main/contract/training.ts';
import { PATH_PASSES } from '../../src-main/core/path-plan.ts';
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

type Done = Extract<TrainerEvent, { kind: 'done' }>;

async function learn(job: TrainJob, control = new LoopControl()): Promise<Done> {
  const done = await runTrainJob(job, control, () => undefined);
  assert.equal(done.kind, 'done');
  return done;
}

/** Acts at the n-th breath: between steps and between batches of evaluation alike. */
class Acting extends LoopControl {
  breaths = 0;
  readonly #at: number;
  readonly #act: 'cancel' | 'finish';

  constructor(at: number, act: 'cancel' | 'finish') {
    super();
    this.#at = at;
    this.#act = act;
  }

  override async breathe(): Promise<void> {
    if (++this.breaths === this.#at) this[this.#act]();
    await super.breathe();
  }
}

const files = ({ artifactPath, levelPaths = [] }: Done): Buffer[] => [artifactPath, ...levelPaths].map((path) => readFileSync(path));

/** Cut at breaths spread over the whole run, every result has the bytes of a run that was left alone. */
async function assertResumes(config: Partial<TrainConfig>, name: string): Promise<void> {
  const counting = new Acting(Infinity, 'cancel');
  const whole = await learn(tiny.job(config, `${name}-whole`), counting);
  const expected = files(whole);
  const cuts = Array.from({ length: 14 }, (_, index) => 1 + Math.floor((index * counting.breaths) / 14));
  let cancelled = 0;
  for (const cut of cuts) {
    const job = tiny.job(config, `${name}-${String(cut)}`);
    const ended = await runTrainJob(job, new Acting(cut, 'cancel'), () => undefined).then(() => true, (error: unknown) => {
      assert.ok(error instanceof TapsError && error.code === 'cancelled', String(error));
      return false;
    });
    if (ended) continue;
    cancelled++;
    const resumed = await learn({ ...job, resume: true });
    assert.deepEqual(files(resumed), expected, `cut at ${String(cut)} of ${String(counting.breaths)}`);
    assert.deepEqual({ ...resumed.result, seconds: 0, epochs: [] }, { ...whole.result, seconds: 0, epochs: [] });
  }
  assert.ok(cancelled >= 10, String(cancelled));
}

describe('budget', () => {
  const budget = { kind: 'share', share: 0.5, bitsPerWeight: 32 } as const;
  const config = { epochs: 6, budget };

  test('the file stays within the budget and uses it; the result says how', async () => {
    const all = await learn(tiny.job({ epochs: 1, lambda: 0 }, 'all'));
    const fullBytes = statSync(all.artifactPath).size;
    for (const share of [0.3, 0.5, 0.8]) {
      const { artifactPath, result } = await learn(tiny.job({ epochs: 6, budget: { ...budget, share } }, `share-${String(share)}`));
      const { size } = statSync(artifactPath);
      const { budget: report } = result;
      assert.ok(report);
      assert.ok(size <= report.limitBytes, `${String(size)} of ${String(report.limitBytes)}`);
      assert.ok(report.bytes >= size && report.bytes - size < 600, `counted ${String(report.bytes)}, written ${String(size)}`);
      const layers = decodeTaskFile(readFileSync(artifactPath)).layers;
      const smallestClosed = Math.min(...layers.filter(({ open }) => !open).map(({ parameters }) => 4 * parameters));
      assert.ok(report.bytes >= 0.9 * report.limitBytes || report.bytes + smallestClosed > 0.9 * report.limitBytes, 'a further layer would have fitted');
      assert.ok(size < fullBytes);
      assert.ok(result.bestEpoch >= 3, 'only epochs with fixed gates may be kept');
    }
  });

  test('fewer bits per weight let more layers in', async () => {
    const open = async (bitsPerWeight: number): Promise<number> => {
      const { artifactPath } = await learn(tiny.job({ epochs: 3, budget: { ...budget, share: 0.45, bitsPerWeight } }, `bits-${String(bitsPerWeight)}`));
      return decodeTaskFile(readFileSync(artifactPath)).layers.reduce((sum, layer) => sum + (layer.open ? layer.parameters : 0), 0);
    };
    assert.ok((await open(4)) > (await open(32)));
  });

  test('cut anywhere, it goes on to the same bytes', () => assertResumes(config, 'budget'));

  test('cut anywhere with accumulated gradients and AdamW as well', () => assertResumes({ ...config, epochs: 4, accumulate: 2, batchSize: 3, optimizer: 'adamw', learningRate: 0.005 }, 'budget-adamw'));

  test('ended early by a person, what is kept holds the budget', async () => {
    const counting = new Acting(Infinity, 'finish');
    await learn(tiny.job(config, 'finish-count'), counting);
    for (const part of [0, 0.15, 0.35, 0.5, 0.8]) {
      const at = 1 + Math.floor(part * counting.breaths);
      const { artifactPath, result } = await learn(tiny.job(config, `finish-${String(at)}`), new Acting(at, 'finish'));
      assert.ok(result.budget);
      assert.ok(statSync(artifactPath).size <= result.budget.limitBytes, `asked at ${String(at)}`);
      assert.equal(result.endedEarly, true, `asked at ${String(at)} of ${String(counting.breaths)}`);
    }
  });

  test('an impossible budget is refused before anything is learnt, with the smallest that can be held; that one can', async () => {
    const refused = async (bytes: number): Promise<TapsError> => {
      const error = await runTrainJob(tiny.job({ budget: { kind: 'bytes', bytes, bitsPerWeight: 32 } }, 'impossible'), new LoopControl(), (event) => {
        assert.notEqual(event.kind, 'epoch');
      }).then(() => null, (failure: unknown) => failure);
      assert.ok(error instanceof TapsError && error.code === 'invalid-config', String(error));
      return error;
    };
    const error = await refused(100);
    const least = error.details?.['leastBytes'];
    assert.ok(typeof least === 'number');
    assert.match(error.advice, new RegExp(`at least ${String(least)} bytes`));
    await refused(least - 1);
    const { artifactPath, result } = await learn(tiny.job({ epochs: 2, budget: { kind: 'bytes', bytes: least, bitsPerWeight: 32 } }, 'least'));
    assert.equal(decodeTaskFile(readFileSync(artifactPath)).deltas.size, 0);
    assert.ok(statSync(artifactPath).size <= least);
    assert.equal(result.budget?.bytes, least);
  });

  test('a budget that allows everything leaves every layer open', async () => {
    const { artifactPath, result } = await learn(tiny.job({ epochs: 2, budget: { kind: 'bytes', bytes: 1e9, bitsPerWeight: 32 } }, 'free'));
    assert.ok(decodeTaskFile(readFileSync(artifactPath)).layers.every(({ open }) => open));
    assert.ok(result.budget && result.budget.mostBytes <= result.budget.limitBytes);
  });

  test('methods without gates, and combinations that mean nothing, are refused', async () => {
    const path = { lambdas: [0.1, 1] };
    for (const wrong of [{ method: 'full-fine-tuning', budget }, { method: 'norm-head', path }, { budget, path }, { budget: { kind: 'accuracy', points: 1, reference: 0.9 } }] as Partial<TrainConfig>[]) {
      await assert.rejects(runTrainJob(tiny.job(wrong, 'wrong'), new LoopControl(), () => undefined), (error: unknown) => error instanceof TapsError && error.code === 'invalid-config');
    }
  });
});

describe('path', () => {
  const config: Partial<TrainConfig> = { epochs: 6, path: { lambdas: [0.05, 0.5, 5, 50] } };

  test('leaves a result per level, whose penalty closes more and more; the chosen one is the run’s', async () => {
    const done = await learn(tiny.job(config, 'path'));
    const { levels = [], chosenLevel, epochs } = done.result;
    assert.equal(epochs.length, Math.ceil(6 * PATH_PASSES));
    assert.deepEqual(levels.map(({ level, lambda }) => [level, lambda]), [[0, 0.05], [1, 0.5], [2, 5], [3, 50]]);
    assert.deepEqual(levels.map(({ bytes }) => bytes), (done.levelPaths ?? []).map((path) => statSync(path).size));
    for (const [index, path] of (done.levelPaths ?? []).entries()) {
      assert.equal(decodeTaskFile(readFileSync(path)).layers.filter(({ open }) => open).length, levels[index]?.openLayers);
    }
    assert.ok((levels[0]?.openLayers ?? 0) > (levels[3]?.openLayers ?? 0));
    assert.equal(levels[3]?.openLayers, 0, 'a λ that closes everything leaves normalisation and head');
    assert.equal(done.artifactPath, done.levelPaths?.[chosenLevel ?? -1]);
    assert.equal(done.result.validation.accuracy, Math.max(...levels.map(({ validation }) => validation.accuracy)));
    assert.equal(done.result.bestEpoch, levels[chosenLevel ?? -1]?.epoch);
  });

  test('cut anywhere, every level has the same bytes', () => assertResumes(config, 'path'));

  test('by size: from no layer to all; cut anywhere, every level has the same bytes', async () => {
    const sizes: Partial<TrainConfig> = { epochs: 6, path: { sizes: 4 } };
    const { levels = [] } = (await learn(tiny.job(sizes, 'sizes'))).result;
    assert.deepEqual(levels.map(({ level, lambda }) => [level, lambda]), [[0, null], [1, null], [2, null], [3, null]]);
    const [most, , , least] = levels;
    assert.equal(least?.openLayers, 0);
    assert.ok(levels.every(({ bytes }, index) => index === 0 || bytes < (levels[index - 1]?.bytes ?? 0)), levels.map(({ bytes }) => bytes).join(' '));
    assert.ok((most?.openLayers ?? 0) > 2);
    await assertResumes(sizes, 'sizes');
  });

  test('killed half-way, nothing that was finished is lost', async () => {
    const whole = await learn(tiny.job(config, 'kill-whole'));
    const job = tiny.job(config, 'kill');
    const first = new TrainerClient();
    await assert.rejects(
      first.train(job, (event) => {
        if (event.kind === 'checkpoint' && event.epoch === 9) process.kill(first.pid, 'SIGKILL');
      }),
      (error: unknown) => error instanceof TapsError && error.code === 'child-crashed',
    );
    assert.ok(existsSync(join(job.runFolder, 'level-03.safetensors')));
    const second = new TrainerClient();
    const resumed = await second.train({ ...job, resume: true }, () => undefined);
    await second.stop();
    assert.deepEqual(files(resumed), files(whole));
  });

  test('ended early, the finished levels are the result; before the first, the present state is one', async () => {
    const counting = new Acting(Infinity, 'finish');
    await learn(tiny.job(config, 'path-finish-count'), counting);
    for (const part of [0.1, 0.6, 0.9]) {
      const done = await learn(tiny.job(config, `path-finish-${String(part)}`), new Acting(Math.floor(part * counting.breaths), 'finish'));
      const { levels = [] } = done.result;
      assert.equal(done.result.endedEarly, true);
      assert.ok(levels.length >= 1 && levels.length < 4, String(levels.length));
      assert.ok(existsSync(done.artifactPath));
    }
  });

  test('within points of full fine-tuning: the smallest level that reaches it; too few epochs are refused', async () => {
    const { result } = await learn(tiny.job({ ...config, budget: { kind: 'accuracy', points: 100, reference: 1 } }, 'within'));
    assert.equal(result.chosenLevel, result.levels?.toSorted((a, b) => a.bytes - b.bytes)[0]?.level);
    await assert.rejects(runTrainJob(tiny.job({ ...config, epochs: 2 }, 'short'), new LoopControl(), () => undefined), (error: unknown) => error instanceof TapsError && error.code === 'invalid-config' && /4 levels needs at least 3 epochs/.test(error.message));
  });
});
