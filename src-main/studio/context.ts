/** @file What the handlers of all areas share. */
import { StudioEvents } from './events.ts';
import { Grants } from './grants.ts';
import type { StudioOptions } from './studio.ts';

export class StudioContext {
  readonly options: StudioOptions;
  readonly events = new StudioEvents();
  readonly grants = new Grants();

  private constructor(options: StudioOptions) {
    this.options = options;
  }

  static create(options: StudioOptions): Promise<StudioContext> {
    return Promise.resolve(new StudioContext(options));
  }

  close(): Promise<void> {
    this.events.close();
    return Promise.resolve();
  }
}
