/** @file To which sweep of this machine a run belongs. Kept beside the library: the window asks for every run it shows. */
import type { Library } from '../../services/open-library.ts';

export class SweepIndex {
  readonly #sweeps = new Map<string, string>();

  constructor(library: Library) {
    for (const { id, place, entries } of library.sweeps.list()) {
      if (place === null) for (const { runId } of entries) if (runId !== null) this.add(runId, id);
    }
  }

  add(runId: string, sweepId: string): void {
    this.#sweeps.set(runId, sweepId);
  }

  /** null for a run of its own, and for one that Slurm has. */
  of(runId: string): string | null {
    return this.#sweeps.get(runId) ?? null;
  }
}
