/** @file Events to every open window, one JSON object per line; an empty line now and then shows that the server is alive. */
import type { ServerResponse } from 'node:http';
import type { StudioEvent } from '../../contract/studio/events.ts';

const HEARTBEAT_MS = 10_000;
/** A window that reads this little is gone or asleep; it asks again when it wakes. */
const MOST_UNREAD_BYTES = 8 * 2 ** 20;

export class EventStreams {
  readonly #open = new Set<ServerResponse>();
  readonly #heartbeat = setInterval(() => {
    this.#write('\n');
  }, HEARTBEAT_MS);

  add(response: ServerResponse): void {
    this.#open.add(response);
    response.write('\n');
    response.on('close', () => this.#open.delete(response));
  }

  send(event: StudioEvent): void {
    this.#write(`${JSON.stringify(event)}\n`);
  }

  #write(line: string): void {
    for (const response of this.#open) {
      if (response.writableLength > MOST_UNREAD_BYTES) response.destroy();
      else response.write(line);
    }
  }

  close(): void {
    clearInterval(this.#heartbeat);
    for (const response of this.#open) response.end();
  }
}
