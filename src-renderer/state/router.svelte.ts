/** @file Which screen is shown: the address after '#', so that back, forward and reload work. */

export type Route =
  | { screen: 'library' }
  | { screen: 'new' }
  | { screen: 'training' }
  | { screen: 'run'; id: string }
  | { screen: 'task'; id: string; tab: string }
  | { screen: 'base'; id: string }
  | { screen: 'compare' }
  | { screen: 'settings' };

/** '/task/abc/export' → { screen: 'task', id: 'abc', tab: 'export' }; anything unknown is the library. */
export function parseRoute(path: string): Route {
  const [screen = '', id = '', tab = ''] = path.replace(/^\/+/, '').split('/').map(decodeURIComponent);
  switch (screen) {
    case 'new':
    case 'training':
    case 'compare':
    case 'settings':
      return { screen };
    case 'run':
    case 'base':
      return id === '' ? { screen: 'library' } : { screen, id };
    case 'task':
      return id === '' ? { screen: 'library' } : { screen, id, tab: tab === '' ? 'result' : tab };
    default:
      return { screen: 'library' };
  }
}

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
