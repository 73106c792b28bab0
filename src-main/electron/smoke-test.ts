/**
 * @file `--smoke-test`: proves a packaged app on the machine it stands on. Opens a window, a temporary library, imports the embedded
 * base, trains two steps, exports with its proof, and ends with exit code 0; any failure ends with 1 and its reason.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trainConfigSchema } from '../contract/training.ts';
import type { RequestInput, RequestName, RequestOutput } from '../contract/studio/contract.ts';
import { createStudio, type Studio } from '../studio/studio.ts';

const TRAINING_MS = 120_000;

/** @param showWindow resolves when the window has painted the studio @param tell prints a line */
export async function smokeTest(showWindow: (studio: Studio) => Promise<void>, tell: (line: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'taps-smoke-'));
  const studio = await createStudio({ libraryFolder: join(folder, 'library'), transport: 'electron', platform: { choose: null, reveal: null, logFile: null }, settingsFolder: join(folder, 'settings') });
  try {
    await showWindow(studio);
    tell('smoke test: the window is there');
    const base = await ask(studio, 'base.importEmbedded', { operationId: 'smoke-import' });
    const found = await ask(studio, 'images.inspect', { source: { kind: 'sample', id: 'emoji' }, baseId: base.id, seed: 0, validation: 0.15, test: 0.15, operationId: 'smoke-inspect' });
    const task = await ask(studio, 'task.create', { name: 'smoke', baseId: base.id, inspectionId: found.id, excluded: [], operationId: 'smoke-create' });
    tell(`smoke test: ${String(found.images)} pictures read`);
    // A batch of half the pictures makes an epoch two steps long.
    const config = trainConfigSchema.parse({ method: 'taps', epochs: 1, warmupEpochs: 0, batchSize: Math.ceil(found.counts.train / 2) });
    const deltaId = await train(studio, task.id, config);
    tell('smoke test: two steps trained');
    const made = await ask(studio, 'export.start', { taskId: task.id, deltaId, format: 'onnx', folder: null, fileName: 'smoke.onnx', overwrite: true, operationId: 'smoke-export' });
    tell(`smoke test: exported ${String(made.bytes)} bytes, largest logit difference ${made.parity.maxAbsLogitDiff.toExponential(1)} on ${String(made.parity.images)} pictures`);
  } finally {
    await studio.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ask<K extends RequestName>(studio: Studio, name: K, input: RequestInput<K>): Promise<RequestOutput<K>> {
  const reply = await studio.handle(name, input);
  if (!reply.ok) throw new Error(`${name}: ${reply.error.message} ${reply.error.advice}`);
  return reply.value as RequestOutput<K>;
}

function train(studio: Studio, taskId: string, config: RequestInput<'run.start'>['config']): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error('Two training steps took too long.'));
    }, TRAINING_MS);
    const off = studio.onEvent((event) => {
      if (event.name !== 'run.changed') return;
      const { status, deltaId, failure } = event.payload;
      if (status === 'running' || status === 'queued' || status === 'paused') return;
      off();
      clearTimeout(timer);
      if (status === 'done' && deltaId !== null) resolve(deltaId);
      else reject(new Error(`The run ended as ${status}: ${failure?.message ?? 'no reason given'}`));
    });
    ask(studio, 'run.start', { taskId, config }).catch(reject);
  });
}
