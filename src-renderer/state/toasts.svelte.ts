/** @file Short messages at the edge of the window, perhaps with one action (undo). */

export interface Toast {
  id: number;
  kind: 'info' | 'good' | 'bad';
  message: string;
  advice: string;
  action: { label: string; run: () => void } | null;
}

const SHOWN_MS = 6_000;
/** Failures stay until they are dismissed: nobody should miss one. */
const MOST = 4;

export class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #next = 1;

  show(toast: Partial<Omit<Toast, 'id'>> & { message: string }, shownMs = SHOWN_MS): void {
    const id = this.#next++;
    const entry: Toast = { id, kind: 'info', advice: '', action: null, ...toast };
    this.list = [...this.list.slice(1 - MOST), entry];
    if (entry.kind !== 'bad') setTimeout(() => this.dismiss(id), shownMs);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}
