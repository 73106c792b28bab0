/**
 * @file A child process's end of the channel to its owner. The same code runs under Node (`child_process.fork`) and in an Electron
 * utility process, whose port is `process.parentPort`.
 */

export interface ChildPort {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** The owner is gone. */
  onClose(listener: () => void): void;
}

/** Electron's ports do not tell a child that its owner leaves: the owner says it with this message. */
export const OWNER_LEAVES = 'owner-leaves';

interface ElectronParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): void;
}

/** @throws Error when the process has no owner to talk to */
export function openChildPort(): ChildPort {
  const parentPort = (process as unknown as { parentPort?: ElectronParentPort }).parentPort;
  if (parentPort !== undefined) {
    return {
      send: (message) => {
        parentPort.postMessage(message);
      },
      onMessage: (listener) => {
        parentPort.on('message', ({ data }) => {
          if (data !== OWNER_LEAVES) listener(data);
        });
      },
      onClose: (listener) => {
        parentPort.on('message', ({ data }) => {
          if (data === OWNER_LEAVES) listener();
        });
      },
    };
  }
  if (process.send === undefined) throw new Error('This file is a child process of TAPS Studio; it is not started by hand.');
  return {
    send: (message) => {
      // After the owner died, sending is an error that nobody can act on.
      if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
    },
    onMessage: (listener) => {
      process.on('message', listener);
    },
    onClose: (listener) => {
      process.on('disconnect', listener);
    },
  };
}
