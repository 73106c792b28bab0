/** @file The connection of a window in a browser: requests and events over HTTP to the server that served the window. */
import type { ErrorEnvelope } from '../../src-main/contract/errors.ts';
import type { Grant } from '../../src-main/contract/studio/common.ts';
import type { Reply } from '../../src-main/contract/studio/contract.ts';
import type { StudioEvent } from '../../src-main/contract/studio/events.ts';
import { filesOf, type DroppedFile } from './dropped-files.ts';
import type { Transport } from './transport.ts';

interface Keys {
  token: string;
  /** For addresses of pictures and downloads only. */
  key: string;
}

const STORED_AS = 'taps-studio-keys';
const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 10_000;
const SENT_AT_ONCE = 4;

/** From the address, once; then from this tab's own memory, so that reloading works and the address can be shown to anyone. */
function takeKeys(): Keys {
  const given = new URLSearchParams(window.location.hash.replace(/^#/, ''));
  const token = given.get('token');
  const key = given.get('key');
  if (token !== null && key !== null) {
    sessionStorage.setItem(STORED_AS, JSON.stringify({ token, key }));
    history.replaceState(null, '', window.location.pathname);
    return { token, key };
  }
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORED_AS) ?? '{}') as Partial<Keys>;
    return { token: kept.token ?? '', key: kept.key ?? '' };
  } catch {
    return { token: '', key: '' };
  }
}

function failure(code: ErrorEnvelope['code'], message: string, advice: string): { ok: false; error: ErrorEnvelope } {
  return { ok: false, error: { code, message, advice } };
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function createLoopbackTransport(): Transport {
  const keys = takeKeys();
  const listeners = new Set<(event: StudioEvent) => void>();
  const authorization = { authorization: `Bearer ${keys.token}` };

  async function ask<T>(path: string, body: unknown): Promise<Reply<T>> {
    return reply(() => fetch(path, { method: 'POST', headers: { ...authorization, 'content-type': 'application/json' }, body: JSON.stringify(body) }));
  }
  async function reply<T>(send: () => Promise<Response>): Promise<Reply<T>> {
    let response: Response;
    try {
      response = await send();
    } catch {
      return failure('io-failed', 'The studio does not answer.', 'Look at the terminal where it was started; start it again with taps studio --serve.');
    }
    if (response.status === 401 || response.status === 429) return failure('usage', 'This address lacks the key of the studio that is running.', 'Open the address that the terminal printed, with everything after #.');
    if (response.status === 413) return failure('usage', 'That is more than can be sent at once.', 'Choose fewer items.');
    if (!response.ok) return failure('io-failed', `The studio answered with status ${String(response.status)}.`, 'Load the window again.');
    return (await response.json()) as Reply<T>;
  }

  /** Reads events until the connection breaks; then waits and reads again. What was missed is asked for anew. */
  async function listen(): Promise<void> {
    let wait = FIRST_WAIT_MS;
    for (let first = true; ; first = false) {
      try {
        const response = await fetch('/events', { headers: authorization });
        if (response.status === 401) return;
        if (response.body !== null && response.ok) {
          wait = FIRST_WAIT_MS;
          if (!first) tell({ name: 'library.changed', payload: {} });
          await readLines(response.body, (line) => {
            tell(JSON.parse(line) as StudioEvent);
          });
        }
      } catch {
        // The server is gone or the machine slept.
      }
      await pause(wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }
  function tell(event: StudioEvent): void {
    for (const listener of listeners) listener(event);
  }

  async function send(files: readonly DroppedFile[], onProgress: (share: number) => void): Promise<Reply<Grant[]>> {
    const begun = await ask<string>('/upload/begin', {});
    if (!begun.ok) return begun;
    const session = begun.value;
    const total = files.reduce((sum, { file }) => sum + file.size, 0);
    let sent = 0;
    let next = 0;
    let broken: Reply<never> | null = null;
    const work = async (): Promise<void> => {
      while (broken === null) {
        const item = files[next++];
        if (item === undefined) return;
        const answer = await reply<null>(() => fetch('/upload/file', { method: 'PUT', headers: { ...authorization, 'x-upload-session': session, 'x-upload-path': encodeURIComponent(item.path) }, body: item.file }));
        if (!answer.ok) broken = answer;
        sent += item.file.size;
        onProgress(total === 0 ? 1 : sent / total);
      }
    };
    await Promise.all(Array.from({ length: SENT_AT_ONCE }, work));
    if (broken !== null) {
      await ask('/upload/abandon', { session });
      return broken;
    }
    return ask<Grant[]>('/upload/finish', { session });
  }

  void listen();
  return {
    kind: 'loopback',
    request: (name, input) => ask('/request', { name, input }),
    onEvent: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    grantFiles: async (dropped, onProgress) => send(await filesOf(dropped), onProgress),
    pictureUrl: (path) => `${path}${path.includes('?') ? '&' : '?'}key=${keys.key}`,
  };
}

async function readLines(body: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') take(line);
  }
}
