/** @file What no page may do, whatever it contains: leave the app, open windows, embed pages, ask for devices. */
import { app, session } from 'electron';
import { isOwnUrl } from './origin.ts';

/** For every web contents that ever comes to be. */
export function guardWebContents(): void {
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event) => {
      if (!isOwnUrl(event.url)) event.preventDefault();
    });
    contents.on('will-frame-navigate', (event) => {
      if (!isOwnUrl(event.url)) event.preventDefault();
    });
    contents.on('will-redirect', (event) => {
      if (!isOwnUrl(event.url)) event.preventDefault();
    });
    contents.on('will-attach-webview', (event) => {
      event.preventDefault();
    });
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  });
}

/** After the app is ready. Writing to the clipboard is the one thing the window asks for ("Copy"). */
export function guardPermissions(): void {
  const granted = (permission: string, url: string): boolean => permission === 'clipboard-sanitized-write' && isOwnUrl(url);
  session.defaultSession.setPermissionRequestHandler((_contents, permission, answer, details) => {
    answer(granted(permission, details.requestingUrl));
  });
  session.defaultSession.setPermissionCheckHandler((_contents, permission, origin) => granted(permission, `${origin.replace(/\/$/, '')}/`));
  session.defaultSession.setDevicePermissionHandler(() => false);
}

/** After the app is ready. The window needs nothing from outside, so nothing is fetched: no page, no dictionary, no stray download. */
export function guardNetwork(): void {
  session.defaultSession.setSpellCheckerEnabled(false);
  session.defaultSession.webRequest.onBeforeRequest((details, answer) => {
    answer({ cancel: !isLocalUrl(details.url) });
  });
  session.defaultSession.on('will-download', (event, item) => {
    if (!isOwnUrl(item.getURL().replace(/^blob:/u, ''))) event.preventDefault();
  });
}

function isLocalUrl(url: string): boolean {
  return isOwnUrl(url) || /^(blob|data|devtools):/u.test(url);
}
