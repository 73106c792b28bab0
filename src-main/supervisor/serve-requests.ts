/** @file A child's loop: one handler per kind of request, errors as envelopes, exit when the owner is gone. */
import { envelopeOf, TapsError } from '../contract/errors.ts';
import { openChildPort } from './child-port.ts';
import type { ChildReply, ChildRequest, Progress } from './request-protocol.ts';

export type Handlers = Record<string, (payload: never, progress: Progress) => Promise<unknown>>;

/** Progress is sent at most this often. */
const PROGRESS_INTERVAL_MS = 100;

export function serveRequests(handlers: Handlers): void {
  const port = openChildPort();
  const reply = (message: ChildReply): void => {
    port.send(message);
  };
  port.onClose(() => process.exit(0));
  port.onMessage((message) => {
    const { id, kind, payload } = message as ChildRequest;
    const handler = handlers[kind];
    if (handler === undefined) {
      reply({ id, ok: false, error: envelopeOf(new TapsError('child-protocol', `Unknown request ${kind}.`, '')) });
      return;
    }
    let lastSent = 0;
    const progress: Progress = (done, total) => {
      const now = Date.now();
      if (now - lastSent < PROGRESS_INTERVAL_MS && done < total) return;
      lastSent = now;
      reply({ id, progress: { done, total } });
    };
    handler(payload as never, progress).then(
      (value) => {
        reply({ id, ok: true, value });
      },
      (error: unknown) => {
        reply({ id, ok: false, error: envelopeOf(error) });
      },
    );
  });
  port.send({ id: 0, ok: true, value: 'ready' });
}
