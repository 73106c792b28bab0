/** @file Files dropped anywhere on the window go to the screen that wants them; without one, to the window itself. */
import type { Grant } from '../../src-main/contract/studio/common.ts';
import type { DroppedFiles } from '../client/transport.ts';

export type DropHandler = (grants: Grant[]) => void;

export class Drops {
  /** Something is being dragged over the window. */
  hovering = $state(false);
  /** 0..1 while files travel to the main side; null otherwise. */
  sending = $state<number | null>(null);
  #handlers: DropHandler[] = [];

  /** The newest handler gets the drops. Returns the function that takes it away. */
  handle(handler: DropHandler): () => void {
    this.#handlers = [...this.#handlers, handler];
    return () => {
      this.#handlers = this.#handlers.filter((other) => other !== handler);
    };
  }

  deliver(grants: Grant[]): void {
    this.#handlers.at(-1)?.(grants);
  }
}

/** Must run inside the drop event: afterwards the browser empties the list. */
export function droppedFiles(transfer: DataTransfer): DroppedFiles {
  const items = [...transfer.items].filter(({ kind }) => kind === 'file');
  return { files: [...transfer.files], entries: items.flatMap((item) => item.webkitGetAsEntry() ?? []) };
}
