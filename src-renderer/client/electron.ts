/** @file The connection of a desktop window: the narrow bridge that the preload script exposes. */
import type { Grant } from '../../src-main/contract/studio/common.ts';
import type { Reply } from '../../src-main/contract/studio/contract.ts';
import type { StudioEvent } from '../../src-main/contract/studio/events.ts';
import type { Transport } from './transport.ts';

/** What `src-main/electron/preload.cts` puts on the window. */
export interface StudioBridge {
  /** As Node names it: 'linux', 'darwin', 'win32'. */
  readonly platform: string;
  request(name: string, input: unknown): Promise<Reply<unknown>>;
  onEvent(listener: (event: StudioEvent) => void): () => void;
  /** Only files of a real drop or dialog have a path; made-up ones are refused. */
  grantFiles(files: readonly File[]): Promise<Reply<Grant[]>>;
}

export function createElectronTransport(bridge: StudioBridge): Transport {
  return {
    kind: 'electron',
    request: (name, input) => bridge.request(name, input) as ReturnType<Transport['request']> as never,
    onEvent: (listener) => bridge.onEvent(listener),
    grantFiles: (dropped) => bridge.grantFiles(dropped.files),
    pictureUrl: (path) => path,
  };
}
