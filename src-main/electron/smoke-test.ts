/**
 * @file `--smoke-test`: proves a packaged app on the machine it stands on. Opens a window, a temporary library, imports the embedded
 * base, trains two steps, exports with its proof, and ends with exit code 0; any failure ends with 1 and its reason.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { app } from 'electron';
import { trainConfigSchema } from '../contract/training.ts';
import type { RequestInput, RequestName, RequestOutput } from '../contract/studio/contract.ts';
import { createStudio, type Studio } from '../studio/studio.ts';
import { forwardEvents, openDoor } from './ipc.ts';
import { serveWindow, WINDOW_FOLDER } from './protocol.ts';
import { openWindow } from './window.ts';

const WHOLE_TEST_MS = 180_000;
const FIND_HEADING = "new Promise((done) => { const look = () => { const found = document.querySelector('h1'); found ? done(found.textContent) : setTimeout(look, 50); }; look(); })";

/** After the app is ready. Ends the program. */
export async function runSmokeTest(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'taps-smoke-'));
  const end = (code: number, line: string): void => {
    rmSync(folder, { recursive: true, force: true });
    (code === 0 ? process.stdout : process.stderr).write(`smoke test: ${line}\n`);
    app.exit(code);
  };
  // What the person keeps between starts is left alone.
  app.setPath('userData', join(folder, 'profile'));
  setTimeout(() => {
    end(1, `failed: not done after ${String(WHOLE_TEST_MS / 1000)} s`);
  }, WHOLE_TEST_MS);
  try {
    await workThrough(folder, (line) => process.stdout.write(`smoke test: ${line}\n`));
    end(0, 'passed');
  } catch (error) {
    end(1, `failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function workThrough(folder: string, tell: (line: string) => void): Promise<void> {
  const studio = await createStudio({ libraryFolder: join(folder, 'library'), transport: 'electron', platform: { choose: null, reveal: null, logFile: null }, settingsFolder: join(folder, 'settings') });
  try {
    tell(`the window shows “${await showWindow(studio)}”`);
    const base = await ask(studio, 'base.importEmbedded', { operationId: 'smoke-import' });
    const found = await ask(studio, 'images.inspect', { source: { kind: 'sample', id: 'emoji' }, baseId: base.id, seed: 0, validation: 0.15, test: 0.15, operationId: 'smoke-inspect' });
    const task = await ask(studio, 'task.create', { name: 'smoke', baseId: base.id, inspectionId: found.id, excluded: [], operationId: 'smoke-create' });
    tell(`${String(found.images)} pictures read`);
    // A batch of half the pictures makes an epoch two steps long.
    const config = trainConfigSchema.parse({ method: 'taps', epochs: 1, warmupEpochs: 0, batchSize: Math.ceil(found.counts.train / 2) });
    const deltaId = await train(studio, task.id, config);
    tell('two steps trained');
    const made = await ask(studio, 'export.start', { taskId: task.id, deltaId, format: 'onnx', folder: null, fileName: 'smoke.onnx', overwrite: true, operationId: 'smoke-export' });
    tell(`exported ${String(made.bytes)} bytes, largest logit difference ${made.parity.maxAbsLogitDiff.toExponential(1)} on ${String(made.parity.images)} pictures`);
  } finally {
    await studio.close();
  }
}

/** Resolves to the first heading that the page has painted. */
async function showWindow(studio: Studio): Promise<string> {
  void serveWindow(Promise.resolve(studio), WINDOW_FOLDER);
  const window = openWindow(null);
  openDoor(Promise.resolve(studio), () => window);
  forwardEvents(studio, () => window);
  await new Promise<void>((resolve, reject) => {
    window.webContents.once('did-finish-load', () => {
      resolve();
    });
    window.webContents.once('did-fail-load', (_event, code, description) => {
      reject(new Error(`The window cannot be loaded: ${description} (${String(code)})`));
    });
  });
  const heading = (await window.webContents.executeJavaScript(FIND_HEADING)) as string;
  if (heading.trim() === '') throw new Error('The window shows nothing.');
  return heading.trim();
}

async function ask<K extends RequestName>(studio: Studio, name: K, input: RequestInput<K>): Promise<RequestOutput<K>> {
  const reply = await studio.handle(name, input);
  if (!reply.ok) throw new Error(`${name}: ${reply.error.message} ${reply.error.advice}`);
  return reply.value as RequestOutput<K>;
}

function train(studio: Studio, taskId: string, config: RequestInput<'run.start'>['config']): Promise<string> {
  return new Promise((resolve, reject) => {
    const off = studio.onEvent((event) => {
      if (event.name !== 'run.changed') return;
      const { status, deltaId, failure } = event.payload;
      if (status === 'running' || status === 'queued' || status === 'paused') return;
      off();
      if (status === 'done' && deltaId !== null) resolve(deltaId);
      else reject(new Error(`The run ended as ${status}: ${failure?.message ?? 'no reason given'}`));
    });
    ask(studio, 'run.start', { taskId, config }).catch(reject);
  });
}
