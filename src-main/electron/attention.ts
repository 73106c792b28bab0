/** @file While a run goes on: progress in the taskbar and a machine that stays awake. When it ends and nobody is looking: a notification. */
import { Notification, powerSaveBlocker, type BrowserWindow } from 'electron';
import type { RunView } from '../contract/studio/runs.ts';
import type { Studio } from '../studio/studio.ts';

const NO_PROGRESS = -1;
/** Beyond 1, Electron shows that something goes on without saying how far it is. */
const UNKNOWN_PROGRESS = 2;

export function drawAttention(studio: Studio, windowOf: () => BrowserWindow | null, mayNotify: () => Promise<boolean>): void {
  const going = new Set<string>();
  const away = new Set<string>();
  const keepAwake = makeBlocker();
  studio.onEvent((event) => {
    if (event.name !== 'run.changed') return;
    const run = event.payload;
    const window = windowOf();
    // What goes on elsewhere needs nothing of this machine; its end is news all the same.
    if (run.cluster !== null && run.status === 'running') away.add(run.id);
    else if (run.status === 'running' || run.status === 'paused') {
      going.add(run.id);
      window?.setProgressBar(shareOf(run), { mode: run.status === 'paused' ? 'paused' : 'normal' });
    } else if (going.delete(run.id)) {
      window?.setProgressBar(NO_PROGRESS);
      // A run that the person stopped, or that ends with the program, is no news.
      if (window?.isFocused() !== true && (run.status === 'done' || run.failure !== null)) void notify(run, windowOf, mayNotify);
    } else if (away.delete(run.id) && window?.isFocused() !== true && (run.status === 'done' || run.failure !== null)) void notify(run, windowOf, mayNotify);
    keepAwake(going.size > 0);
  });
}

function shareOf({ progress }: RunView): number {
  return progress === null || progress.steps === 0 ? UNKNOWN_PROGRESS : progress.step / progress.steps;
}

/** The screen may go dark; the machine does not fall asleep over a run. */
function makeBlocker(): (wanted: boolean) => void {
  let id: number | null = null;
  return (wanted) => {
    if (wanted) id ??= powerSaveBlocker.start('prevent-app-suspension');
    else if (id !== null) {
      powerSaveBlocker.stop(id);
      id = null;
    }
  };
}

async function notify(run: RunView, windowOf: () => BrowserWindow | null, mayNotify: () => Promise<boolean>): Promise<void> {
  if (!Notification.isSupported() || !(await mayNotify())) return;
  const notification = new Notification(wordsOf(run));
  notification.on('click', () => windowOf()?.show());
  notification.show();
}

function wordsOf({ taskName, status, failure }: RunView): { title: string; body: string } {
  if (status === 'done') return { title: `${taskName} has been learnt`, body: 'The result is ready.' };
  const firstLine = failure?.message.split('\n')[0] ?? 'See the run for the reason.';
  return status === 'interrupted' ? { title: `${taskName} was interrupted`, body: `${firstLine} The run can be resumed.` } : { title: `${taskName} could not be learnt`, body: firstLine };
}
