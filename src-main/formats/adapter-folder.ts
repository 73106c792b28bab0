/**
 * @file The adapter folder: one task to hand to another person, in the three-file shape of PEFT adapters
 * (`adapter_model.safetensors`, a configuration, `README.md`). See docs/formats.md.
 */
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { TapsError } from '../contract/errors.ts';
import { METHODS, type TaskArtifact } from '../contract/training.ts';
import { nodeFileSystem, type FileSystem } from '../platform/file-system.ts';
import { PARTIAL_SUFFIX, writeFileAtomic } from '../platform/atomic-file.ts';
import { sha256OfBytes } from '../platform/hash.ts';
import { storageError } from '../platform/storage-error.ts';
import { adapterCard } from './adapter-card.ts';
import { storedParameters } from './task-artifact-check.ts';
import { decodeTaskFile } from './task-file.ts';

export const ADAPTER_FILES = { weights: 'adapter_model.safetensors', config: 'taps_config.json', card: 'README.md' } as const;
/** A configuration holds two names and a few numbers. */
export const MAX_CONFIG_BYTES = 1024 * 1024;

const configSchema = z.object({
  taps_format: z.literal('1'),
  peft_type: z.literal('TAPS'),
  task_name: z.string().min(1).max(500),
  base_model_name_or_path: z.string().min(1).max(500),
  /** The base's id: SHA-256 over its two blob hashes. */
  base_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  method: z.enum(METHODS),
  modules_to_save: z.array(z.string()),
  layers_open: z.number().int().min(0),
  layers_total: z.number().int().min(0),
  parameters: z.number().int().min(0),
  test_accuracy: z.number().min(0).max(1).nullable(),
  weights_bytes: z.number().int().min(0),
  weights_sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type AdapterConfig = z.infer<typeof configSchema>;

export interface AdapterFolder {
  config: AdapterConfig;
  artifact: TaskArtifact;
  /** The task file, byte for byte. */
  artifactBytes: Uint8Array;
}

function configOf(artifact: TaskArtifact, bytes: Uint8Array, taskName: string, baseName: string, testAccuracy: number | null): AdapterConfig {
  return {
    taps_format: '1',
    peft_type: 'TAPS',
    task_name: taskName,
    base_model_name_or_path: baseName,
    base_sha256: artifact.baseId,
    method: artifact.method,
    modules_to_save: ['head'],
    layers_open: artifact.layers.filter((layer) => layer.open).length,
    layers_total: artifact.layers.length,
    parameters: storedParameters(artifact),
    test_accuracy: testAccuracy,
    weights_bytes: bytes.length,
    weights_sha256: sha256OfBytes(bytes),
  };
}

export interface AdapterOptions {
  /** A task file, stored as it is. */
  artifactBytes: Uint8Array;
  taskName: string;
  baseName: string;
  /** 0..1 */
  testAccuracy: number | null;
}

/**
 * The three files of a packed task, by name.
 * @throws TapsError `model-malformed`
 */
export function adapterFiles({ artifactBytes, taskName, baseName, testAccuracy }: AdapterOptions): { config: AdapterConfig; files: { name: string; bytes: Uint8Array }[] } {
  const artifact = decodeTaskFile(artifactBytes);
  const config = configOf(artifact, artifactBytes, taskName, baseName, testAccuracy);
  const text = new TextEncoder();
  const files = [
    { name: ADAPTER_FILES.weights, bytes: artifactBytes },
    { name: ADAPTER_FILES.config, bytes: text.encode(`${JSON.stringify(config, null, 2)}\n`) },
    { name: ADAPTER_FILES.card, bytes: text.encode(adapterCard({ taskName, baseName, testAccuracy, sizeBytes: artifactBytes.length }, artifact)) },
  ];
  return { config, files };
}

/**
 * Writes a new folder; it appears complete or not at all.
 * @throws TapsError `already-exists`, `model-malformed`, `disk-full`, `io-failed`
 */
export async function packAdapter(folder: string, options: AdapterOptions, fileSystem: FileSystem = nodeFileSystem): Promise<AdapterConfig> {
  const target = resolve(folder);
  const { config, files } = adapterFiles(options);
  if ((await fileSystem.sizeOf(target)) !== null) throw new TapsError('already-exists', `${target} exists already.`, 'Give a folder that does not exist yet.');
  const partial = join(dirname(target), `.${basename(target)}-${String(process.pid)}${PARTIAL_SUFFIX}`);
  let written = partial;
  try {
    await fileSystem.remove(partial);
    await fileSystem.makeFolder(partial);
    for (const { name, bytes } of files) await writeFileAtomic(join(partial, name), bytes, fileSystem);
    await fileSystem.rename(partial, target);
    written = target;
    await fileSystem.syncFolder(dirname(target));
  } catch (error) {
    await fileSystem.remove(written).catch(() => undefined);
    throw storageError(error, 'write', target, options.artifactBytes.length);
  }
  return config;
}

function invalid(folder: string, message: string, cause?: unknown): TapsError {
  return new TapsError('model-malformed', `${folder} is not a valid adapter folder: ${message}.`, 'Ask for the folder again, with all three files unchanged.', { cause });
}

async function readPart(folder: string, name: string, maxBytes: number, fileSystem: FileSystem): Promise<Uint8Array> {
  const path = join(folder, name);
  try {
    const sizeBytes = await fileSystem.sizeOf(path);
    if (sizeBytes === null) throw new TapsError('not-found', `${folder} has no ${name}.`, `Give a folder with ${Object.values(ADAPTER_FILES).join(', ')}.`);
    if (sizeBytes > maxBytes) throw invalid(folder, `${name} has ${String(sizeBytes)} bytes, expected at most ${String(maxBytes)}`);
    return await fileSystem.readFile(path);
  } catch (error) {
    throw storageError(error, 'read', path);
  }
}

function parseConfig(folder: string, bytes: Uint8Array): AdapterConfig {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid(folder, `${ADAPTER_FILES.config} is not JSON`, cause);
  }
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) throw invalid(folder, `${ADAPTER_FILES.config}: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`, parsed.error);
  return parsed.data;
}

/**
 * Reads and checks a folder made by `packAdapter`. README.md may be edited or absent.
 * @param expectedBaseId when given, a task for another base is refused
 * @throws TapsError `not-found`, `model-malformed`, `non-finite`, `base-mismatch`, `io-failed`
 */
export async function unpackAdapter(folder: string, expectedBaseId: string | null, fileSystem: FileSystem = nodeFileSystem): Promise<AdapterFolder> {
  const path = resolve(folder);
  const config = parseConfig(path, await readPart(path, ADAPTER_FILES.config, MAX_CONFIG_BYTES, fileSystem));
  if (expectedBaseId !== null && config.base_sha256 !== expectedBaseId) {
    throw new TapsError('base-mismatch', `The task ${JSON.stringify(config.task_name)} was learnt on ${JSON.stringify(config.base_model_name_or_path)} (${config.base_sha256}), not on ${expectedBaseId}.`, 'Import that base first and name it with --base.', {
      details: { taskBase: config.base_sha256, base: expectedBaseId },
    });
  }
  const artifactBytes = await readPart(path, ADAPTER_FILES.weights, config.weights_bytes, fileSystem);
  if (artifactBytes.length !== config.weights_bytes || sha256OfBytes(artifactBytes) !== config.weights_sha256) {
    throw invalid(path, `${ADAPTER_FILES.weights} is not the file that ${ADAPTER_FILES.config} describes`);
  }
  const artifact = decodeTaskFile(artifactBytes);
  const expected = configOf(artifact, artifactBytes, config.task_name, config.base_model_name_or_path, config.test_accuracy);
  for (const key of ['base_sha256', 'method', 'layers_open', 'layers_total', 'parameters'] as const) {
    if (config[key] !== expected[key]) throw invalid(path, `${ADAPTER_FILES.config} says ${key} ${String(config[key])}, the weights say ${String(expected[key])}`);
  }
  return { config, artifact, artifactBytes };
}
