/** @file A packed task as one file (`.taps`): the three files of an adapter folder in a zip archive, stored. See docs/formats.md. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { Readable } from 'node:stream';
import type { UnpackPartsRequest } from '../codec/protocol.ts';
import { TapsError } from '../contract/errors.ts';
import { ADAPTER_FILES, adapterFiles, MAX_CONFIG_BYTES, type AdapterConfig, type AdapterOptions } from '../formats/adapter-folder.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import { storageError } from '../platform/storage-error.ts';
import { withRequestChild } from '../supervisor/request-child.ts';
import type { Library } from './open-library.ts';
import { storedZip } from './stored-zip.ts';

const EXTENSION = '.taps';
/** As much as such a file can hold. */
const MAX_WEIGHTS_BYTES = 0xffff_ffff;

const PARTS = [
  { name: ADAPTER_FILES.weights, maxBytes: MAX_WEIGHTS_BYTES, required: true },
  { name: ADAPTER_FILES.config, maxBytes: MAX_CONFIG_BYTES, required: true },
  { name: ADAPTER_FILES.card, maxBytes: MAX_CONFIG_BYTES, required: false },
];

export function namesPackedFile(path: string): boolean {
  return extname(path).toLowerCase() === EXTENSION;
}

/**
 * Complete or absent, also after a crash.
 * @throws TapsError `already-exists`, `model-malformed`, `disk-full`, `io-failed`, `usage` above 4 GiB
 */
export async function writePackedTask(path: string, options: AdapterOptions): Promise<AdapterConfig> {
  const { config, files } = adapterFiles(options);
  if ((await stat(path).catch(() => undefined)) !== undefined) throw new TapsError('already-exists', `${path} exists already.`, 'Give a name that does not exist yet.');
  const folder = dirname(path);
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw storageError(error, 'create', folder);
  });
  await writeFileAtomic(path, Readable.from(storedZip(files)));
  return config;
}

/**
 * Unpacks the archive in the codec child, for as long as `work` needs the folder.
 * @throws TapsError `model-malformed` for what is no archive, a hostile one or one with other files; `disk-full`; what `work` throws
 */
export async function withPackedTask<T>(library: Pick<Library, 'cacheFolder'>, archive: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(library.cacheFolder, 'incoming', randomUUID());
  try {
    await mkdir(folder, { recursive: true }).catch((error: unknown) => {
      throw storageError(error, 'make the folder', folder);
    });
    const request: UnpackPartsRequest = { archive, folder, parts: PARTS };
    await withRequestChild('codec', (child) => child.request('unpackParts', request));
    return await work(folder);
  } catch (error) {
    throw aboutTheArchive(error, archive, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The person knows the file, not the folder it was unpacked to; and it is a task that is malformed, no dataset. */
function aboutTheArchive(error: unknown, archive: string, folder: string): unknown {
  if (!(error instanceof TapsError)) return error;
  const message = error.message.replaceAll(folder, archive).replace('is not a valid adapter folder', 'is not a valid packed task');
  if (error.code === 'dataset-invalid') return new TapsError('model-malformed', `${archive} is not a packed task. ${message}`, 'Ask for the file again, or pack the task again with taps task pack.', { cause: error });
  return message === error.message ? error : new TapsError(error.code, message, 'Ask for the file again, or pack the task again with taps task pack.', { cause: error });
}
