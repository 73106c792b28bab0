/** @file What a job tells while it works: how far it is, its epochs, why it failed. Small files, each replaced as a whole. */
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { FILES, type JobProgress } from '../../cluster/folder.ts';
import type { ErrorEnvelope } from '../../contract/errors.ts';
import type { TrainerEvent } from '../../contract/trainer-protocol.ts';
import type { EpochMetrics } from '../../contract/training.ts';
import { writeFileAtomic } from '../../platform/atomic-file.ts';

/** A shared file system is not bothered more often. */
const INTERVAL_MS = 3_000;

export class JobNews {
  readonly #folder: string;
  readonly #submission: number;
  readonly #epochs: EpochMetrics[] = [];
  #stage: JobProgress['stage'] = 'loading';
  #progress: JobProgress['progress'] = null;
  #written = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(folder: string, submission: number) {
    this.#folder = folder;
    this.#submission = submission;
  }

  /** What an earlier attempt said is old. */
  async begin(): Promise<void> {
    await rm(join(this.#folder, FILES.failure), { force: true }).catch(() => undefined);
    this.#tell();
    await this.#last;
  }

  take(event: TrainerEvent): void {
    if (event.kind === 'stage') this.#stage = event.stage;
    else if (event.kind === 'progress') this.#progress = event.progress;
    else if (event.kind === 'epoch') {
      // A resumed trainer tells the earlier ones again.
      this.#epochs[event.metrics.epoch] = event.metrics;
      this.#write(FILES.epochs, { submission: this.#submission, epochs: this.#epochs.filter(Boolean) });
    } else return;
    if (event.kind === 'stage' || Date.now() - this.#written >= INTERVAL_MS) this.#tell();
  }

  async fail({ code, message, advice }: ErrorEnvelope): Promise<void> {
    this.#write(FILES.failure, { submission: this.#submission, error: { code, message, advice } });
    await this.#last;
  }

  async close(): Promise<void> {
    await this.#last;
  }

  #tell(): void {
    this.#written = Date.now();
    this.#write(FILES.progress, { submission: this.#submission, host: hostname(), stage: this.#stage, progress: this.#progress, updatedAt: this.#written } satisfies JobProgress);
  }

  /** News that cannot be written must not end the work; a full disk ends it at the next checkpoint. */
  #write(file: string, content: object): void {
    const bytes = new TextEncoder().encode(JSON.stringify(content));
    this.#last = this.#last.then(() => writeFileAtomic(join(this.#folder, file), bytes)).catch(() => undefined);
  }
}
