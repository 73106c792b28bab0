/** @file Progress in the taskbar while a run goes on, and a notification when it ends and nobody is looking. */
import { Notification, type BrowserWindow } from 'electron';
import type { RunView } from '../contract/studio/runs.ts';
import type { Studio } from '../studio/studio.ts';

const NO_PROGRESS = -1;
/** Beyond 1, Electron shows that something goes on without saying how far it is. */
const UNKNOWN_PROGRESS = 2;

export function drawAttention(studio: Studio, windowOf: () => BrowserWindow | null, mayNotify: () => Promise<boolean>): void {
  const going = new Set<string>();
  studio.onEvent((event) => {
    if (event.name !== 'run.changed') return;
    const run = event.payload;
    const window = windowOf();
    if (run.status === 'running' || run.status === 'paused') {
      going.add(run.id);
      window?.setProgressBar(run.progress === null || run.progress.steps === 0 ? UNKNOWN_PROGRESS : run.progress.step / run.progress.steps, { mode: run.status === 'paused' ? 'paused' : 'normal' });
    } else if (going.delete(run.id)) {
      window?.setProgressBar(NO_PROGRESS);
      if (window?.isFocused() !== true && (run.status === 'done' || run.status === 'failed')) void notify(run, window, mayNotify);
    }
  });
}

async function notify(run: RunView, window: BrowserWindow | null, mayNotify: () => Promise<boolean>): Promise<void> {
  if (!Notification.isSupported() || !(await mayNotify())) return;
  const notification = new Notification(
    run.status === 'done' ? { title: `${run.taskName} has been learnt`, body: 'The result is ready.' } : { title: `${run.taskName} could not be learnt`, body: run.failure?.message ?? 'See the run for the reason.' },
  );
  notification.on('click', () => window?.show());
  notification.show();
}
