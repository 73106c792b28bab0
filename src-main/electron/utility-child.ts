/** @file Children under Electron: utility processes, each with a JavaScript heap of its own, whose crash leaves the windows alone. */
import type { Readable } from 'node:stream';
import { utilityProcess } from 'electron';
import { OWNER_LEAVES } from '../supervisor/child-port.ts';
import type { SpawnedChild } from '../supervisor/spawn-child.ts';

/** Only after the app is ready. */
export function startUtilityChild(file: string, name: string): SpawnedChild {
  const child = utilityProcess.fork(file, [], { serviceName: `taps-${name}`, stdio: ['ignore', 'ignore', 'pipe'] });
  let ended = false;
  let started = false;
  child.once('spawn', () => {
    started = true;
  });
  child.once('exit', () => {
    ended = true;
  });
  return {
    get pid() {
      return child.pid ?? 0;
    },
    stderr: child.stderr as Readable | null,
    send: (message) => {
      if (!ended) child.postMessage(message);
    },
    onMessage: (listener) => {
      child.on('message', listener);
    },
    onError: (listener) => {
      // Later it is a fatal error of the JavaScript engine, whose words are on stderr already; the exit that follows counts.
      child.on('error', (type, location) => {
        if (!started) listener(new Error(`${type} in ${location}`));
      });
    },
    onExit: (listener) => {
      child.on('exit', (code) => {
        listener(code, null);
      });
    },
    leave: () => {
      if (!ended) child.postMessage(OWNER_LEAVES);
    },
    kill: () => {
      if (ended) return;
      // Electron's own kill asks politely; a hung child must go at once.
      if (child.pid === undefined) child.kill();
      else tryKill(child.pid);
    },
  };
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It went by itself.
  }
}
