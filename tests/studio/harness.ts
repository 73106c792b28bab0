/** @file A real studio on a library in a temporary folder, its events kept, and every answer checked to survive both transports. No tests. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ErrorEnvelope } from '../../src-main/contract/errors.ts';
import type { RequestInput, RequestName, RequestOutput } from '../../src-main/contract/studio/contract.ts';
import type { StudioEvent } from '../../src-main/contract/studio/events.ts';
import type { RunView } from '../../src-main/contract/studio/runs.ts';
import { trainConfigSchema, type TrainConfig } from '../../src-main/contract/training.ts';
import { createStudio, type PlatformServices, type Studio } from '../../src-main/studio/studio.ts';

let operations = 0;
/** A fresh id for a long request. */
export const operation = (): string => `operation-${String(++operations)}`;

export class StudioHarness {
  readonly folder: string;
  readonly studio: Studio;
  readonly events: StudioEvent[];

  constructor(folder: string, studio: Studio) {
    this.folder = folder;
    this.studio = studio;
    this.events = [];
    studio.onEvent((event) => {
      requirePlain(event);
      this.events.push(event);
    });
  }

  /** The answer, or the error thrown as it came. */
  async ask<K extends RequestName>(name: K, input: RequestInput<K>): Promise<RequestOutput<K>> {
    const reply = await this.studio.handle(name, input);
    requirePlain(reply);
    if (!reply.ok) throw Object.assign(new Error(`${name}: ${reply.error.code}: ${reply.error.message} ${reply.error.advice}`), { envelope: reply.error });
    return reply.value as RequestOutput<K>;
  }

  /** The error that the request is answered with. */
  async refusal(name: RequestName, input: unknown): Promise<ErrorEnvelope> {
    const reply = await this.studio.handle(name, input);
    requirePlain(reply);
    assert.ok(!reply.ok, `${name} was answered: ${JSON.stringify(reply).slice(0, 300)}`);
    return reply.error;
  }

  /** Waits until a run looks as wanted; fails when it ends without that. */
  async until(runId: string, wanted: (run: RunView) => boolean, what: string): Promise<RunView> {
    for (;;) {
      const run = (await this.ask('run.list', {})).find(({ id }) => id === runId);
      assert.ok(run !== undefined, `the run ${runId} is gone`);
      if (wanted(run)) return run;
      assert.ok(run.stage !== 'ended', `waiting for ${what}, the run ended as ${run.status}: ${JSON.stringify(run.failure)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Embedded base and a task of a sample. */
  async taskFromSample(name = 'pets'): Promise<{ baseId: string; taskId: string }> {
    const base = await this.ask('base.importEmbedded', { operationId: operation() });
    const inspection = await this.ask('images.inspect', { source: { kind: 'sample', id: 'drawings' }, baseId: base.id, seed: 1, validation: 0.15, test: 0, operationId: operation() });
    const task = await this.ask('task.create', { name, baseId: base.id, inspectionId: inspection.id, excluded: [], operationId: operation() });
    return { baseId: base.id, taskId: task.id };
  }
}

/** A few epochs of the cheapest method; `overrides` for the rest. */
export function quickConfig(overrides: Partial<TrainConfig> = {}): TrainConfig {
  return trainConfigSchema.parse({ method: 'linear-probe', epochs: 2, batchSize: 32, learningRate: 0.1, seed: 1, augmentation: 'none', threads: 1, ...overrides });
}

/** Same under structured clone (Electron) and JSON (loopback). */
export function requirePlain(value: unknown): void {
  const text = JSON.stringify(value);
  assert.deepStrictEqual(JSON.parse(text), structuredClone(value));
}

export const NO_PLATFORM: PlatformServices = { choose: null, reveal: null, logFile: null };

/** Folders that disappear with `remove`; a studio may be started on them again after it was closed. */
export class StudioPlace {
  readonly folder = mkdtempSync(join(tmpdir(), 'taps-studio-'));
  readonly #open: Studio[] = [];

  get libraryFolder(): string {
    return join(this.folder, 'home', 'library');
  }

  async start(options: { platform?: Partial<PlatformServices>; transport?: 'electron' | 'loopback'; libraryFolder?: string } = {}): Promise<StudioHarness> {
    const studio = await createStudio({
      libraryFolder: options.libraryFolder ?? this.libraryFolder,
      transport: options.transport ?? 'loopback',
      platform: { ...NO_PLATFORM, ...options.platform },
      settingsFolder: join(this.folder, 'settings'),
    });
    this.#open.push(studio);
    return new StudioHarness(this.folder, studio);
  }

  async remove(): Promise<void> {
    for (const studio of this.#open) await studio.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Process ids of trainers that this process owns. Linux only. */
export function trainerPids(): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const parent = /^PPid:\s+(\d+)$/mu.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      return parent === String(process.pid) && command.includes('trainer') ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}
