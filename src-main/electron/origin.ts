/** @file The window's own address: the one page that may ask anything. */

export const SCHEME = 'app';
export const WINDOW_URL = `${SCHEME}://studio/index.html`;
const WINDOW_ORIGIN = `${SCHEME}://studio/`;

export function isOwnUrl(url: string): boolean {
  return url.startsWith(WINDOW_ORIGIN);
}
