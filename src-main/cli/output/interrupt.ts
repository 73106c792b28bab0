/** @file Ctrl-C: once asks the running work to stop where it can be resumed, twice ends the program at once. */
import type { Terminal } from './terminal.ts';

/** A terminal and a parent process may both deliver the same key press. */
const SAME_PRESS_MS = 500;
const EXIT_CODE_INTERRUPTED = 130;

export interface Interrupts extends Disposable {
  readonly signal: AbortSignal;
}

/** Listens until disposed. SIGTERM and SIGHUP count as one press. */
export function listenForInterrupts(terminal: Terminal): Interrupts {
  const controller = new AbortController();
  let firstPress: number | null = null;
  const onSignal = (): void => {
    const now = Date.now();
    if (firstPress === null) {
      firstPress = now;
      terminal.warn('Stopping after the current step; press Ctrl-C again to end at once.');
      controller.abort();
    } else if (now - firstPress > SAME_PRESS_MS) {
      process.exit(EXIT_CODE_INTERRUPTED);
    }
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}
