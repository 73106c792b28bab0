/** @file Children under Electron: utility processes, each with a JavaScript heap of its own, whose crash leaves the windows alone. */
import { constants } from 'node:os';
import { PassThrough, type Readable } from 'node:stream';
import { app, utilityProcess, type UtilityProcess } from 'electron';
import { OWNER_LEAVES } from '../supervisor/child-port.ts';
import type { SpawnedChild } from '../supervisor/spawn-child.ts';

const FATAL_SIGNALS = ['SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGKILL', 'SIGSEGV', 'SIGTERM'] as const;

/** Only after the app is ready. */
export function startUtilityChild(file: string, name: string): SpawnedChild {
  const child = utilityProcess.fork(file, [], { serviceName: `taps-${name}`, stdio: ['ignore', 'ignore', 'pipe'] });
  let ended = false;
  let started = false;
  let unwanted = false;
  const end = (): void => {
    // Electron's own kill asks politely; a hung child must go at once.
    if (child.pid === undefined) child.kill();
    else tryKill(child.pid);
  };
  child.once('spawn', () => {
    started = true;
    if (unwanted) end();
  });
  child.once('exit', () => {
    ended = true;
  });
  return {
    get pid() {
      return child.pid ?? 0;
    },
    stderr: child.stderr === null ? null : keptWords(child, child.stderr),
    residentBytes: () => (app.getAppMetrics().find(({ pid }) => pid === child.pid)?.memory.workingSetSize ?? 0) * 1024,
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
        const signal = signalOf(code);
        listener(signal === null ? code : null, signal);
      });
    },
    leave: () => {
      if (!ended) child.postMessage(OWNER_LEAVES);
    },
    kill: () => {
      // Before it runs there is nothing to end, and asking is forgotten.
      if (started && !ended) end();
      else unwanted = true;
    },
  };
}

/** Electron takes all listeners off a child's stderr with its `exit`, often before its last words have come through. */
function keptWords(child: UtilityProcess, stderr: NodeJS.ReadableStream): Readable {
  const words = new PassThrough();
  const listen = (): void => {
    stderr.on('data', (chunk: Buffer) => {
      words.write(chunk);
    });
    stderr.once('end', () => {
      words.end();
    });
  };
  listen();
  child.once('exit', () => {
    process.nextTick(listen);
  });
  return words;
}

/** Where signals exist, Electron gives the number of the one that ended a child as its exit code; our children choose 0 and 1 only. */
function signalOf(code: number): NodeJS.Signals | null {
  if (process.platform === 'win32') return null;
  return FATAL_SIGNALS.find((name) => constants.signals[name] === code) ?? null;
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It went by itself.
  }
}
