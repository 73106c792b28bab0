/**
 * @file How a child process comes to be. Node forks; Electron's main process starts a utility process instead (forking Node there
 * needs a fuse that the app switches off) and says so once, at its start, with `useSpawner`.
 */
import { fork } from 'node:child_process';
import type { Readable } from 'node:stream';
import { childEnvironment } from './child-environment.ts';

/** What an owner needs of a child, whichever kind it is. */
export interface SpawnedChild {
  /** 0 before it runs. */
  readonly pid: number;
  readonly stderr: Readable | null;
  /** Memory it holds now, where its owner knows better than the system's files; 0 when it does not know. */
  residentBytes?(): number;
  /** Structured clones. Nothing happens when the child is gone. */
  send(message: object): void;
  onMessage(listener: (message: unknown) => void): void;
  /** It could not be started. */
  onError(listener: (error: Error) => void): void;
  onExit(listener: (code: number | null, signal: NodeJS.Signals | null) => void): void;
  /** Tells the child that its owner leaves: it finishes what must not break off and ends. */
  leave(): void;
  /** Ends it at once. */
  kill(): void;
}

/** @param file absolute path of the child's entry @param name for the system's list of processes */
export type Spawner = (file: string, name: string) => SpawnedChild;

let spawner: Spawner = forkChild;

export function useSpawner(other: Spawner): void {
  spawner = other;
}

export function spawnChild(file: string, name: string): SpawnedChild {
  return spawner(file, name);
}

function forkChild(file: string, name: string): SpawnedChild {
  const child = fork(file, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env: childEnvironment(name, process.env) });
  return {
    get pid() {
      return child.pid ?? 0;
    },
    stderr: child.stderr,
    send: (message) => {
      // A child that has just ended is told by its exit.
      child.send(message, () => undefined);
    },
    onMessage: (listener) => {
      child.on('message', listener);
    },
    onError: (listener) => {
      child.on('error', listener);
    },
    onExit: (listener) => {
      child.on('exit', listener);
    },
    leave: () => {
      if (child.connected) child.disconnect();
    },
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}
