/** @file The library's tasks as a list that may have thousands: searched and sorted by the main side, asked for where they are looked at. */
import { SvelteMap } from 'svelte/reactivity';
import type { TapsError } from '../../src-main/contract/errors.ts';
import type { TaskCard, TaskSort } from '../../src-main/contract/studio/library.ts';
import type { StudioClient } from '../client/studio.ts';
import { asTapsError } from './operation.svelte.ts';

/** Asked for together. */
const PAGE = 60;

export class TaskList {
  /** That match; null until the first answer. */
  total = $state<number | null>(null);
  /** Known ones, by place in the list. */
  readonly rows = new SvelteMap<number, TaskCard>();
  error = $state.raw<TapsError | null>(null);
  /** Grows when what is in view must be asked for again. */
  version = $state(0);
  /** What `rows` and `total` are an answer to. */
  shown = $state.raw<{ text: string; sort: TaskSort } | null>(null);
  readonly #studio: StudioClient;
  #wanted: { text: string; sort: TaskSort } = { text: '', sort: 'newest' };
  /** Pages of this version that have been asked for. */
  #asked = new Set<number>();

  constructor(studio: StudioClient) {
    this.#studio = studio;
  }

  /** What was found before stays until the first answer. */
  show(text: string, sort: TaskSort): void {
    this.#wanted = { text, sort };
    this.refresh();
  }

  /** After a change of the library. */
  refresh(): void {
    this.#asked = new Set();
    this.#ask(0);
    this.version++;
  }

  /** Call again when `version` has changed. */
  need(from: number, to: number): void {
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) this.#ask(page);
  }

  #ask(page: number): void {
    const asked = this.#asked;
    const wanted = this.#wanted;
    if (asked.has(page)) return;
    asked.add(page);
    this.#studio.request('library.tasks', { ...wanted, offset: page * PAGE, limit: PAGE }).then(
      ({ tasks, total }) => {
        // A later question has been asked meanwhile.
        if (asked === this.#asked) this.#take(wanted, page, tasks, total);
      },
      (error: unknown) => {
        if (asked !== this.#asked) return;
        asked.delete(page);
        this.error = asTapsError(error);
      },
    );
  }

  #take(wanted: { text: string; sort: TaskSort }, page: number, tasks: readonly TaskCard[], total: number): void {
    if (this.shown !== wanted) this.rows.clear();
    this.shown = wanted;
    this.error = null;
    this.total = total;
    for (const place of [...this.rows.keys()]) if (place >= total) this.rows.delete(place);
    tasks.forEach((task, index) => this.rows.set(page * PAGE + index, task));
  }
}
