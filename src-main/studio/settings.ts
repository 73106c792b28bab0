/** @file What a person has set, and which library was used last: two small files in the settings folder. */
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DEFAULT_SETTINGS, settingsSchema, type Settings } from '../contract/studio/app.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import { storageError } from '../platform/storage-error.ts';

const SETTINGS_FILE = 'settings.json';
const LIBRARY_FILE = 'library.json';
const librarySchema = z.object({ folder: z.string().min(1) });

export class SettingsStore {
  readonly #folder: string;
  #settings: Settings;

  constructor(folder: string) {
    this.#folder = folder;
    this.#settings = readSettings(folder);
  }

  get current(): Settings {
    return { ...this.#settings };
  }

  /** @throws TapsError `disk-full`, `io-failed`; the settings are then what they were */
  async change(changes: { [K in keyof Settings]?: Settings[K] | undefined }): Promise<Settings> {
    const next = settingsSchema.parse({ ...this.#settings, ...Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) });
    await writeJson(this.#folder, SETTINGS_FILE, next);
    this.#settings = next;
    return this.current;
  }

  /** For the next start. @throws TapsError `disk-full`, `io-failed` */
  async rememberLibrary(folder: string): Promise<void> {
    await writeJson(this.#folder, LIBRARY_FILE, { folder });
  }
}

/** The library that was opened or moved to last from the studio; null when it never was. For the shell, which decides. */
export function rememberedLibraryFolder(settingsFolder: string): string | null {
  const parsed = librarySchema.safeParse(readJson(join(settingsFolder, LIBRARY_FILE)).value);
  return parsed.success ? parsed.data.folder : null;
}

/** Each value that is right is kept; a file with anything wrong in it is put aside for whoever wants to look. */
function readSettings(folder: string): Settings {
  const path = join(folder, SETTINGS_FILE);
  const { value, there } = readJson(path);
  if (!there) return { ...DEFAULT_SETTINGS };
  const stored = z.record(z.string(), z.unknown()).safeParse(value);
  const settings: Record<string, unknown> = { ...DEFAULT_SETTINGS };
  let damaged = !stored.success;
  for (const [key, schema] of Object.entries(settingsSchema.shape)) {
    const entry = stored.success ? stored.data[key] : undefined;
    if (entry === undefined) continue;
    const parsed = schema.safeParse(entry);
    if (parsed.success) settings[key] = parsed.data;
    else damaged = true;
  }
  if (damaged) keepAside(path);
  return settingsSchema.parse(settings);
}

function readJson(path: string): { there: boolean; value: unknown } {
  try {
    const text = readFileSync(path, 'utf8');
    try {
      return { there: true, value: JSON.parse(text) };
    } catch {
      return { there: true, value: undefined };
    }
  } catch {
    return { there: false, value: undefined };
  }
}

function keepAside(path: string): void {
  try {
    renameSync(path, path.replace(/\.json$/u, '.damaged.json'));
  } catch {
    // It stays where it is and is replaced by the next change.
  }
}

async function writeJson(folder: string, file: string, value: object): Promise<void> {
  try {
    mkdirSync(folder, { recursive: true });
    await writeFileAtomic(join(folder, file), new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`));
  } catch (error) {
    throw storageError(error, 'write', join(folder, file));
  }
}
