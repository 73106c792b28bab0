/** @file Which screen is shown: the address after '#', so that back, forward and reload work. */

import { parseRoute } from './route.ts';

export class Router {
  #path = $state(readHash());
  readonly route = $derived(parseRoute(this.#path));

  constructor() {
    window.addEventListener('hashchange', () => {
      this.#path = readHash();
    });
  }

  go = (path: string): void => {
    window.location.hash = path;
  };
}

function readHash(): string {
  return window.location.hash.replace(/^#/, '');
}
