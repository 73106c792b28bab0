/** @file Events on their way to the transports: one listener each, a failing one does not stop the others. */
import type { StudioEvent, StudioEventName } from '../contract/studio/events.ts';

/** Many changes in a row are one `library.changed`. */
const COALESCE_MS = 50;

type PayloadOf<K extends StudioEventName> = Extract<StudioEvent, { name: K }>['payload'];

export class StudioEvents {
  readonly #listeners = new Set<(event: StudioEvent) => void>();
  #changed: NodeJS.Timeout | undefined;

  subscribe(listener: (event: StudioEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit<K extends StudioEventName>(name: K, payload: PayloadOf<K>): void {
    const event = { name, payload } as StudioEvent;
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch {
        // A window that is closing; the next event will not reach it.
      }
    }
  }

  libraryChanged(): void {
    this.#changed ??= setTimeout(() => {
      this.#changed = undefined;
      this.emit('library.changed', {});
    }, COALESCE_MS);
  }

  close(): void {
    clearTimeout(this.#changed);
    this.#listeners.clear();
  }
}
