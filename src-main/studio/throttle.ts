/** @file Calls that come too fast are made one: the first at once, the last after the pause. */

export interface Throttled {
  (): void;
  cancel(): void;
}

export function throttle(work: () => void, intervalMs: number): Throttled {
  let last = 0;
  let timer: NodeJS.Timeout | undefined;
  const run = (): void => {
    timer = undefined;
    last = Date.now();
    work();
  };
  const call = (): void => {
    if (timer !== undefined) return;
    const wait = last + intervalMs - Date.now();
    if (wait <= 0) run();
    else timer = setTimeout(run, wait);
  };
  return Object.assign(call, {
    cancel: () => {
      clearTimeout(timer);
      timer = undefined;
    },
  });
}
