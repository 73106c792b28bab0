/** @file A run in the desktop app, disturbed: the trainer is killed, the page reloaded, the window closed, the whole app killed. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ElectronApplication } from 'playwright-core';
import { prepareRuntime, type Runtime } from './runtime.ts';
import { makeHome, startLongRun, startStudio, untilRun, type Home, type StudioApp } from './studio-app.ts';

const runtime = await prepareRuntime();
const skip = typeof runtime === 'string' ? runtime : false;
let home: Home;
let studio: StudioApp;
let runId: string;

before(() => {
  if (typeof runtime !== 'string') home = makeHome(runtime);
});
after(async () => {
  if (typeof runtime === 'string') return;
  await studio.app.close();
  home.remove();
});

const trainerPid = async ({ app }: StudioApp): Promise<number> => {
  const pids = await app.evaluate(({ app: electron }) => electron.getAppMetrics().filter(({ type, serviceName, name }) => type === 'Utility' && `${serviceName ?? ''} ${name ?? ''}`.includes('taps-trainer')).map(({ pid }) => pid));
  assert.equal(pids.length, 1, 'one trainer, a utility process');
  return pids[0] ?? 0;
};

/** The question about closing is answered instead of the person; what it asked is kept. */
const answerClosing = (app: ElectronApplication, button: number): Promise<void> =>
  app.evaluate(({ dialog }, response) => {
    const asked: string[] = [];
    (globalThis as unknown as { asked: string[] }).asked = asked;
    const answer = (...values: unknown[]): Promise<{ response: number; checkboxChecked: boolean }> => {
      asked.push((values.at(-1) as { message: string }).message);
      return Promise.resolve({ response, checkboxChecked: false });
    };
    dialog.showMessageBox = answer;
  }, button);

const closeWindow = ({ app }: StudioApp): Promise<void> =>
  app.evaluate(({ BrowserWindow }) => {
    BrowserWindow.getAllWindows()[0]?.close();
  });

/** What the system would have been shown: progress in the taskbar, notifications. */
const recordAttention = (app: ElectronApplication): Promise<void> =>
  app.evaluate(({ BrowserWindow, Notification, powerSaveBlocker }) => {
    const shown = { progress: [] as number[], notified: [] as string[], awake: 0 };
    (globalThis as unknown as { shown: typeof shown }).shown = shown;
    const window = BrowserWindow.getAllWindows()[0];
    if (window === undefined) throw new Error('There is no window.');
    window.isFocused = () => false;
    window.setProgressBar = (value) => {
      shown.progress.push(value);
    };
    Notification.isSupported = () => true;
    Notification.prototype.show = function (this: Electron.Notification) {
      shown.notified.push(this.title);
    };
    const begin = powerSaveBlocker.start.bind(powerSaveBlocker);
    const end = powerSaveBlocker.stop.bind(powerSaveBlocker);
    powerSaveBlocker.start = (type) => {
      shown.awake++;
      return begin(type);
    };
    powerSaveBlocker.stop = (id) => {
      shown.awake--;
      return end(id);
    };
  });

const attention = (app: ElectronApplication): Promise<{ progress: number[]; notified: string[]; awake: number }> =>
  app.evaluate(() => (globalThis as unknown as { shown: { progress: number[]; notified: string[]; awake: number } }).shown);

/** The taskbar hears of progress less often than a list of runs shows it. */
async function untilProgress(app: ElectronApplication): ReturnType<typeof attention> {
  for (let tries = 0; tries < 300; tries++) {
    const shown = await attention(app);
    if (shown.progress.some((share) => share > 0 && share <= 1)) return shown;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`The taskbar never showed how far the run is: ${(await attention(app)).progress.join(' ')}`);
}

async function start(options: Runtime): Promise<StudioApp> {
  studio = await startStudio(options, home);
  return studio;
}

function gone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

async function untilGone(pid: number): Promise<void> {
  for (let tries = 0; tries < 100 && !gone(pid); tries++) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(gone(pid), 'the trainer outlived its owner');
}

test('a killed trainer is a readable failure of its run, while the window goes on painting', { skip }, async () => {
  if (typeof runtime === 'string') return;
  await start(runtime);
  await recordAttention(studio.app);
  const run = await startLongRun(studio);
  runId = run.id;
  assert.equal(run.status, 'running', JSON.stringify(run.failure));
  const going = await untilProgress(studio.app);
  assert.equal(going.awake, 1);
  const frames = studio.page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        let count = 0;
        const next = (): void => {
          if (++count === 30) resolve(count);
          else requestAnimationFrame(next);
        };
        requestAnimationFrame(next);
      }),
  );
  process.kill(await trainerPid(studio), 'SIGKILL');
  const ended = await untilRun(studio, runId, ({ status }) => status !== 'running');
  assert.equal(ended.failure?.code, 'child-crashed', JSON.stringify(ended));
  assert.match(ended.failure.message, /trainer process ended/u);
  assert.notEqual(ended.failure.advice, '');
  assert.ok(ended.canResume);
  assert.equal(await frames, 30);
  const after = await attention(studio.app);
  assert.equal(after.progress.at(-1), -1);
  assert.deepEqual(after.notified, ['Emoji was interrupted']);
  assert.equal(after.awake, 0);
});

test('a run goes on while the page is loaded again', { skip }, async () => {
  await studio.ask('run.resume', { runId });
  const before = await untilRun(studio, runId, ({ status, progress }) => status === 'running' && progress !== null);
  const pid = await trainerPid(studio);
  await studio.page.reload();
  await studio.page.waitForSelector('h1');
  const after = await untilRun(studio, runId, ({ progress }) => (progress?.step ?? 0) > (before.progress?.step ?? 0));
  assert.equal(after.status, 'running');
  assert.equal(await trainerPid(studio), pid);
});

test('closing the window asks; staying stays', { skip }, async () => {
  await answerClosing(studio.app, 1);
  await closeWindow(studio);
  await studio.page.waitForTimeout(300);
  assert.deepEqual(await studio.app.evaluate(() => (globalThis as unknown as { asked: string[] }).asked), ['Work is going on.']);
  assert.equal((await untilRun(studio, runId, () => true)).status, 'running');
});

test('closing keeps a checkpoint, ends the trainer, and the next start offers to resume', { skip }, async () => {
  if (typeof runtime === 'string') return;
  const pid = await trainerPid(studio);
  await answerClosing(studio.app, 0);
  const closed = new Promise<void>((resolve) => studio.app.once('close', () => { resolve(); }));
  await closeWindow(studio).catch(() => undefined);
  await closed;
  await untilGone(pid);
  await start(runtime);
  assert.equal((await studio.ask('app.state', {})).library.state, 'open');
  const run = await untilRun(studio, runId, () => true);
  assert.ok(run.canResume, JSON.stringify(run));
  assert.notEqual(run.status, 'running');
});

test('when the app itself is killed no trainer is left, and the run can be resumed', { skip }, async () => {
  if (typeof runtime === 'string') return;
  await studio.ask('run.resume', { runId });
  await untilRun(studio, runId, ({ status, progress }) => status === 'running' && progress !== null);
  const pid = await trainerPid(studio);
  const closed = new Promise<void>((resolve) => studio.app.once('close', () => { resolve(); }));
  studio.app.process().kill('SIGKILL');
  await closed;
  await untilGone(pid);
  await start(runtime);
  const { library, interruptedRuns } = await studio.ask('app.state', {});
  assert.equal(library.state, 'open');
  assert.equal(interruptedRuns, 1);
  assert.ok((await untilRun(studio, runId, () => true)).canResume);
});
