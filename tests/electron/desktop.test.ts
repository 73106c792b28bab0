/** @file The shell of the desktop app: one instance, files from outside, menus, a window that is remembered, a page that crashes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { filesIn } from '../../src-main/electron/command-line.ts';
import { readWindowState, visibleState } from '../../src-main/electron/window-state.ts';
import { openLibrary } from '../../src-main/services/open-library.ts';
import { prepareRuntime, ROOT, type Runtime } from './runtime.ts';
import { listen, makeHome, startStudio, type BridgeWindow, type Home, type StudioApp } from './studio-app.ts';

const runtime = await prepareRuntime();
const skip = typeof runtime === 'string' ? runtime : false;

async function withStudio(work: (studio: StudioApp, home: Home, runtime: Runtime) => Promise<void>): Promise<void> {
  assert.ok(typeof runtime !== 'string');
  const home = makeHome(runtime);
  const studio = await startStudio(runtime, home);
  try {
    await work(studio, home, runtime);
  } finally {
    await studio.app.close();
    home.remove();
  }
}

const heard = ({ page }: StudioApp, name: string): Promise<unknown> =>
  page.waitForFunction((wanted) => (window as unknown as BridgeWindow).heard.find((event) => event.name === wanted)?.payload, name).then((handle) => handle.jsonValue());

test('a second start ends at once and hands its files to the first', { skip }, async () => {
  await withStudio(async (studio, home, { executable, switches }) => {
    await listen(studio.page);
    const file = join(home.folder, 'Grüße 🙂 <b>.onnx');
    writeFileSync(file, 'x');
    const second = spawn(executable, [...switches, ROOT, file, '/not/there.onnx'], { env: home.env, cwd: home.folder, stdio: 'ignore' });
    const code = await new Promise((resolve) => second.once('exit', resolve));
    assert.equal(code, 0);
    const { grants } = (await heard(studio, 'files.opened')) as { grants: { name: string; content: string }[] };
    assert.deepEqual(grants.map(({ name, content }) => [name, content]), [['Grüße 🙂 <b>.onnx', 'model']]);
    assert.equal(studio.app.windows().length, 1);
  });
});

test('menu items and shortcuts reach the page; recent tasks and an About are there', { skip }, async () => {
  await withStudio(async (studio) => {
    await listen(studio.page);
    const labels = await studio.app.evaluate(({ Menu }) => (Menu.getApplicationMenu()?.items ?? []).map(({ label, submenu }) => [label.replace('&', ''), ...(submenu?.items ?? []).map((item) => item.label)].join('|')));
    const all = labels.join('\n');
    for (const label of ['New task', 'Import base…', 'Import task…', 'Open recent', 'Library', 'Training', 'Compare', 'Find in the library', 'Keyboard shortcuts', 'Show the log']) assert.ok(all.includes(label), `${label} in\n${all}`);
    await studio.app.evaluate(({ Menu }) => {
      const go = Menu.getApplicationMenu()?.items.flatMap(({ submenu }) => submenu?.items ?? []);
      go?.find(({ label }) => label === 'Compare')?.click();
    });
    assert.deepEqual(await heard(studio, 'menu.command'), { command: 'go-compare' });
    await studio.page.waitForFunction(() => location.hash.includes('compare'));
  });
});

test('the window comes back where it was, and never where no screen is', { skip }, async () => {
  assert.ok(typeof runtime !== 'string');
  const home = makeHome(runtime);
  const boundsOf = ({ app }: StudioApp): Promise<unknown> => app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getNormalBounds());
  try {
    const first = await startStudio(runtime, home);
    const wanted = { x: 40, y: 30, width: 900, height: 640 };
    await first.app.evaluate(({ BrowserWindow }, bounds) => BrowserWindow.getAllWindows()[0]?.setBounds(bounds), wanted);
    for (let tries = 0; tries < 50 && JSON.stringify(await boundsOf(first)) !== JSON.stringify(wanted); tries++) await first.page.waitForTimeout(100);
    await first.app.close();
    const second = await startStudio(runtime, home);
    assert.deepEqual(await boundsOf(second), wanted);
    await second.app.close();
    const file = join(home.folder, 'config', 'TAPS Studio', 'window.json');
    assert.equal(readWindowState(file)?.width, 900);
    writeFileSync(file, JSON.stringify({ ...wanted, x: 90_000, maximized: false }));
    const third = await startStudio(runtime, home);
    const { x, width } = (await boundsOf(third)) as { x: number; width: number };
    assert.ok(x < 5000 && width !== 900, JSON.stringify({ x, width }));
    await third.app.close();
  } finally {
    home.remove();
  }
});

test('a crashed page is loaded again, with a note in the log', { skip }, async () => {
  await withStudio(async (studio, home) => {
    const loaded = studio.app.evaluate(({ BrowserWindow }) => new Promise<string>((resolve, reject) => {
      const contents = BrowserWindow.getAllWindows()[0]?.webContents;
      contents?.once('did-finish-load', () => {
        contents.executeJavaScript("new Promise((done) => { const look = () => { const found = document.querySelector('h1'); found ? done(found.textContent) : setTimeout(look, 50); }; look(); })").then(resolve as (value: unknown) => void, reject);
      });
      contents?.forcefullyCrashRenderer();
    }));
    assert.notEqual((await loaded).trim(), '');
    assert.match(readFileSync(join(home.folder, 'config', 'TAPS Studio', 'logs', 'main.log'), 'utf8'), /process ended: (killed|crashed)[\s\S]*loaded again/u);
  });
});

test('a library that another program holds is a state of the studio, and can be tried again', { skip }, async () => {
  assert.ok(typeof runtime !== 'string');
  const home = makeHome(runtime);
  mkdirSync(home.library, { recursive: true });
  const library = openLibrary(home.library, { create: true });
  try {
    const studio = await startStudio(runtime, home);
    const { library: status } = await studio.ask('app.state', {});
    assert.ok(status.state === 'failed' && status.error.advice !== '', JSON.stringify(status));
    assert.equal((await studio.reply('library.overview', {})).ok, false);
    library.close();
    assert.equal((await studio.ask('library.retry', {})).state, 'open');
    await studio.app.close();
  } finally {
    home.remove();
  }
});

test('words of a command line: what is there, but no options and not the app', () => {
  const found = filesIn(['electron', '--no-sandbox', '.', 'package.json', '', 'not-there', '-x', 'src-main'], ROOT.replace(/\/$/u, ''), ROOT.replace(/[\\/]$/u, ''));
  assert.deepEqual(found.map((path) => path.slice(ROOT.length)), ['package.json', 'src-main']);
  // As desktops on Linux hand over what was double-clicked.
  const folder = mkdtempSync(join(tmpdir(), 'taps words '));
  const file = join(folder, 'Grüße & more.taps');
  writeFileSync(file, 'x');
  assert.deepEqual(filesIn(['app', pathToFileURL(file).href, 'file://other-host/x.taps', 'file:///%zz'], '/', '/app'), [file]);
  rmSync(folder, { recursive: true });
});

test('a remembered place counts when its title bar can be taken hold of', () => {
  const screens = [{ x: 0, y: 0, width: 1000, height: 800 }, { x: 1000, y: -200, width: 1000, height: 800 }];
  const state = { x: 100, y: 100, width: 900, height: 600, maximized: false };
  for (const [x, y, seen] of [[100, 100, true], [1500, -150, true], [-790, 10, true], [-850, 10, false], [3000, 0, false], [10, 790, false], [10, -50, false]] as const) {
    assert.equal(visibleState({ ...state, x, y }, screens) !== null, seen, `${String(x)}, ${String(y)}`);
  }
  assert.equal(visibleState(null, screens), null);
});
