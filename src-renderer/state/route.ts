/** @file Addresses of screens. Pure. */

export type Route =
  | { screen: 'library' }
  | { screen: 'new' }
  | { screen: 'training' }
  | { screen: 'run'; id: string }
  | { screen: 'sweep'; id: string }
  | { screen: 'together' }
  | { screen: 'joint'; id: string }
  | { screen: 'task'; id: string; tab: string }
  | { screen: 'base'; id: string }
  | { screen: 'compare' }
  | { screen: 'settings' };

/** '/task/abc/export' → { screen: 'task', id: 'abc', tab: 'export' }; anything unknown is the library. */
export function parseRoute(path: string): Route {
  const [screen = '', id = '', tab = ''] = path.replace(/^\/+/, '').split('/');
  switch (screen) {
    case 'new':
    case 'together':
    case 'training':
    case 'compare':
    case 'settings':
      return { screen };
    case 'run':
    case 'sweep':
    case 'joint':
    case 'base':
      return id === '' ? { screen: 'library' } : { screen, id };
    case 'task':
      return id === '' ? { screen: 'library' } : { screen, id, tab: tab === '' ? 'result' : tab };
    default:
      return { screen: 'library' };
  }
}
