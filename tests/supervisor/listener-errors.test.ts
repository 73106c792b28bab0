/** @file What a listener of progress throws is the failure of the work it listened to, never of the process that owns the child. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import { RequestChild } from '../../src-main/supervisor/request-child.ts';
import { TrainerClient } from '../../src-main/supervisor/trainer-client.ts';
import { makeTinyRun, type TinyRun } from '../helpers/tiny-run.ts';

let tiny: TinyRun;
before(async () => {
  tiny = await makeTinyRun();
});
after(() => {
  tiny.remove();
});

const full = new TapsError('disk-full', 'There is no room.', 'Make some.');

test('of a trainer: the run fails with it', async () => {
  const trainer = new TrainerClient();
  let told = 0;
  const learning = trainer.train(tiny.job({ epochs: 300 }), (event) => {
    if (event.kind !== 'epoch') return;
    told++;
    throw full;
  });
  await assert.rejects(learning, full);
  await trainer.stop();
  assert.equal(told, 1, 'nothing is told after that');
});

test('of a child that answers: the request fails with it', async () => {
  const child = new RequestChild('codec');
  const { preparedFolder } = tiny.job();
  const work = child.request('findTwins', { preparedFolder }, {
    onProgress: () => {
      throw full;
    },
  });
  await assert.rejects(work, full);
  await child.stop();
});
