/** @file What the page may not do, asked of the real Electron: every guard is tried from inside the window. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { BrowserWindow as ElectronWindow } from 'electron';
import { prepareRuntime, ROOT } from './runtime.ts';
import { makeHome, startStudio, type BridgeWindow, type Home, type StudioApp } from './studio-app.ts';

const runtime = await prepareRuntime();
const skip = typeof runtime === 'string' ? runtime : false;
const PAUSE_MS = 300;
let home: Home;
let studio: StudioApp;

before(async () => {
  if (typeof runtime === 'string') return;
  home = makeHome(runtime);
  studio = await startStudio(runtime, home);
});
after(async () => {
  if (typeof runtime === 'string') return;
  await studio.app.close();
  home.remove();
});

test('the page is sandboxed, isolated and has no Node', { skip }, async () => {
  const preferences = await studio.app.evaluate(({ BrowserWindow }) => {
    type WithPreferences = { getLastWebPreferences(): Record<string, unknown> };
    return BrowserWindow.getAllWindows().map((window) => (window.webContents as unknown as WithPreferences).getLastWebPreferences());
  });
  assert.equal(preferences.length, 1);
  for (const [key, value] of Object.entries({ sandbox: true, contextIsolation: true, nodeIntegration: false, nodeIntegrationInWorker: false, nodeIntegrationInSubFrames: false, webSecurity: true, webviewTag: false })) {
    assert.equal(preferences[0]?.[key] ?? false, value, key);
  }
  for (const key of ['allowRunningInsecureContent', 'experimentalFeatures', 'enableBlinkFeatures']) assert.ok(!preferences[0]?.[key], key);
  const seen = await studio.page.evaluate(() => ['require', 'process', 'module', 'Buffer', 'ipcRenderer', 'electron'].filter((name) => name in window));
  assert.deepEqual(seen, []);
  assert.match(studio.page.url(), /^app:\/\/studio\//u);
});

test('the bridge is three functions and a word; main answers two channels', { skip }, async () => {
  const bridge = await studio.page.evaluate(() => Object.entries((window as unknown as BridgeWindow).tapsStudio).map(([key, value]) => `${key}: ${typeof value}`));
  assert.deepEqual(bridge.sort(), ['grantFiles: function', 'onEvent: function', 'platform: string', 'request: function']);
  const channels = await studio.app.evaluate(({ ipcMain }) => ({ invoked: [...(ipcMain as unknown as { _invokeHandlers: Map<string, unknown> })._invokeHandlers.keys()], sent: ipcMain.eventNames().map(String) }));
  // Electron itself has one for shared textures, and 'error' is every emitter's.
  assert.deepEqual(channels.invoked.filter((name) => !name.startsWith('IMPORT_SHARED_TEXTURE')).sort(), ['studio:grant', 'studio:request']);
  assert.deepEqual(channels.sent.filter((name) => name !== 'error'), []);
});

test('the content security policy comes as a header and holds', { skip }, async () => {
  const policy = await studio.page.evaluate(async () => (await fetch(location.href)).headers.get('content-security-policy'));
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'none'"]) assert.ok(policy?.includes(part), part);
  assert.doesNotMatch(policy ?? '', /unsafe|https?:|\*/u);
  const outcome = await studio.page.evaluate(async () => {
    const violations: string[] = [];
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => violations.push(effectiveDirective));
    const script = document.createElement('script');
    script.textContent = 'window.inlineRan = true';
    document.body.append(script);
    const picture = document.createElement('img');
    picture.src = 'https://example.org/x.png';
    const styled = document.createElement('p');
    styled.innerHTML = '<b style="color: red">x</b>';
    const frame = document.createElement('iframe');
    frame.src = 'https://example.org/';
    document.body.append(picture, styled, frame);
    // In a task of its own: what the test evaluates itself is exempt.
    const evaluated = await new Promise<string>((resolve) => {
      setTimeout(() => {
        try {
          (0, eval)('1');
          resolve('ran');
        } catch (error) {
          resolve((error as Error).name);
        }
      });
    });
    const fetched = await fetch('https://example.org/').then(() => 'fetched', () => 'refused');
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const element of [script, picture, styled, frame]) element.remove();
    return { ran: 'inlineRan' in window, evaluated, fetched, violations: [...new Set(violations)].sort() };
  });
  assert.deepEqual({ ...outcome, violations: outcome.violations.filter((directive) => directive !== 'script-src') }, { ran: false, evaluated: 'EvalError', fetched: 'refused', violations: ['connect-src', 'frame-src', 'img-src', 'script-src-elem', 'style-src-attr'] });
});

test('the page opens no window and embeds no page', { skip }, async () => {
  const opened = await studio.page.evaluate(() => [window.open('https://example.org/'), window.open('app://studio/index.html'), window.open('about:blank')].map((made) => made === null));
  assert.deepEqual(opened, [true, true, true]);
  await studio.page.evaluate(() => {
    const view = document.createElement('webview');
    view.setAttribute('src', 'app://studio/index.html');
    document.body.append(view);
  });
  await studio.page.waitForTimeout(PAUSE_MS);
  assert.equal(await studio.app.evaluate(({ webContents }) => webContents.getAllWebContents().filter((contents) => contents.getType() !== 'remote').length), 1);
});

test('the page gets no device, no place, no notification of its own', { skip }, async () => {
  const answers = await studio.page.evaluate(async () => {
    const states = await Promise.all(['geolocation', 'notifications', 'camera', 'microphone', 'midi'].map(async (name) => (await navigator.permissions.query({ name: name as PermissionName })).state));
    const camera = await navigator.mediaDevices.getUserMedia({ video: true }).then(() => 'granted', (error: unknown) => (error as Error).name);
    const screen = await navigator.mediaDevices.getDisplayMedia({ video: true }).then(() => 'granted', (error: unknown) => (error as Error).name);
    return { states, camera, screen, notification: await Notification.requestPermission() };
  });
  assert.deepEqual(answers.states, ['denied', 'denied', 'denied', 'denied', 'denied']);
  assert.equal(answers.notification, 'denied');
  assert.match(answers.camera, /Error$/u);
  assert.match(answers.screen, /Error$/u);
});

test('copying is the one thing granted: the clipboard can be written, not read', { skip }, async () => {
  await studio.page.bringToFront();
  const outcome = await studio.page.evaluate(async () => ({
    written: await navigator.clipboard.writeText('taps 42').then(() => 'written', String),
    read: await navigator.clipboard.readText().then(() => 'read', (error: unknown) => (error as Error).name),
  }));
  assert.deepEqual(outcome, { written: 'written', read: 'NotAllowedError' });
  assert.equal(await studio.app.evaluate(({ clipboard }) => clipboard.readText()), 'taps 42');
});

test('app:// serves the window’s files and nothing beside them', { skip }, async () => {
  const statuses = await studio.page.evaluate(async () => {
    const paths = ['/index.html', '/icon.svg', '/../package.json', '/..%2fpackage.json', '/%2e%2e/%2e%2e/package.json', '/..%5c..%5cpackage.json', '/electron/main.js', '/.built', '/picture/dataset/x/0', '/picture/granted/../../etc/passwd', '/%00.html', '/%E0%A4%A'];
    return Promise.all(paths.map(async (path) => `${path} ${String(await fetch(`app://studio${path}`).then(({ status }) => status, () => 0))}`));
  });
  assert.deepEqual(statuses.filter((line) => line.endsWith(' 200')), ['/index.html 200', '/icon.svg 200']);
  const posted = await studio.page.evaluate(async () => (await fetch('/index.html', { method: 'POST', body: 'x' })).status);
  assert.equal(posted, 404);
});

test('main fetches nothing from outside either', { skip }, async () => {
  const outcomes = await studio.app.evaluate(async ({ session }) => {
    const tries = ['https://example.org/', 'http://127.0.0.1:9/', 'file:///etc/hostname'].map((url) => session.defaultSession.fetch(url).then(() => 'fetched', (error: unknown) => String(error)));
    return Promise.all(tries);
  });
  for (const outcome of outcomes) assert.match(outcome, /ERR_BLOCKED_BY_CLIENT|ERR_UNKNOWN_URL_SCHEME|not supported/u);
});

test('a second window with the same preload script is not listened to', { skip }, async () => {
  const replies = await studio.app.evaluate(async ({ BrowserWindow }, preload) => {
    const asked: unknown[] = [];
    for (const url of ['app://studio/index.html', 'about:blank', 'data:text/html,<p>x</p>']) {
      const other: ElectronWindow = new BrowserWindow({ show: false, webPreferences: { preload, sandbox: true } });
      await other.loadURL(url);
      asked.push(await other.webContents.executeJavaScript("tapsStudio.request('app.state', {})"));
      other.destroy();
    }
    return asked;
  }, `${ROOT}dist/electron/preload.cjs`);
  assert.equal(replies.length, 3);
  for (const reply of replies as { ok: boolean; error?: { code: string; message: string } }[]) {
    assert.equal(reply.ok, false);
    assert.equal(reply.error?.code, 'usage');
    assert.match(reply.error.message, /did not come from the studio’s window/u);
  }
});

test('only files of a real choice become grants', { skip }, async () => {
  const madeUp = await studio.page.evaluate(() => (window as unknown as BridgeWindow).tapsStudio.grantFiles([new File(['x'], '/etc/passwd')]));
  assert.equal(madeUp.ok, false);
  await studio.page.evaluate(() => {
    const input = document.createElement('input');
    input.type = 'file';
    input.id = 'probe';
    document.body.append(input);
  });
  await studio.page.setInputFiles('#probe', `${ROOT}package.json`);
  const real = await studio.page.evaluate(() => {
    const input = document.querySelector<HTMLInputElement>('#probe');
    const answer = (window as unknown as BridgeWindow).tapsStudio.grantFiles([...(input?.files ?? [])]);
    input?.remove();
    return answer;
  });
  assert.ok(real.ok, JSON.stringify(real));
  const [grant] = real.value as { name: string; token: string }[];
  assert.equal(grant?.name, 'package.json');
  assert.match(grant.token, /^[\w-]{43}$/u);
});

test('the page cannot be led elsewhere', { skip }, async () => {
  const url = studio.page.url();
  for (const target of ['https://example.org/', 'file:///etc/passwd', 'data:text/html,<h1>x</h1>', 'app://elsewhere/index.html', 'javascript:document.body.remove()']) {
    await studio.page.evaluate((address) => {
      const link = document.createElement('a');
      link.href = address;
      document.body.append(link);
      link.click();
      link.remove();
      location.href = address;
    }, target);
    await studio.page.waitForTimeout(PAUSE_MS);
    assert.equal(studio.page.url(), url, target);
    assert.ok(await studio.page.evaluate(() => document.querySelector('h1') !== null), target);
  }
});

test('the sources open nothing outside and weaken nothing', () => {
  const folder = `${ROOT}src-main/electron/`;
  const FORBIDDEN = /openExternal|loadFile|file:\/\/|nodeIntegration\w*: true|(?:sandbox|contextIsolation|webSecurity): false|allowRunningInsecureContent|enableBlinkFeatures|experimentalFeatures|webviewTag: true|@electron\/remote/u;
  for (const name of readdirSync(folder)) assert.doesNotMatch(readFileSync(folder + name, 'utf8'), FORBIDDEN, name);
});
