/** @file JSON files that carry the hash of their content: what is cut off or was changed is noticed, whoever reads it. */
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { TapsError } from '../../contract/errors.ts';
import { writeFileAtomic } from '../../platform/atomic-file.ts';
import { isErrno } from '../../platform/file-system.ts';
import { sha256OfBytes } from '../../platform/hash.ts';
import { storageError } from '../../platform/storage-error.ts';

export type SealedKind = 'batch' | 'job' | 'pictures' | 'submission' | 'outcome' | 'result';

/** The text of a sealed file. */
export function seal(kind: SealedKind, body: object): string {
  const text = JSON.stringify(body);
  return `{"taps-cluster":${JSON.stringify(kind)},"sha256":"${sha256OfBytes(text)}","body":${text}}\n`;
}

/** Complete or absent, on the medium when it returns. @throws TapsError `disk-full`, `io-failed` */
export async function writeSealed(path: string, kind: SealedKind, body: object): Promise<void> {
  await writeFileAtomic(path, new TextEncoder().encode(seal(kind, body)));
}

/**
 * @returns null when there is no such file
 * @throws TapsError `cluster-failed` for one that is cut off, changed or something else; `io-failed`
 */
export async function readSealed<Body>(path: string, kind: SealedKind, schema: z.ZodType<Body>): Promise<Body | null> {
  const text = await readText(path);
  if (text === null) return null;
  const broken = (why: string): TapsError => new TapsError('cluster-failed', `${path} cannot be used: ${why}.`, 'Remove it, then give the same command again: that job is sent again.', { details: { path } });
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw broken(`it is cut off or no JSON (${String(text.length)} characters)`);
  }
  if (typeof file !== 'object' || file === null || !('taps-cluster' in file) || !('sha256' in file) || !('body' in file)) throw broken('it was not written by taps');
  if (file['taps-cluster'] !== kind) throw broken(`it is of the kind ${JSON.stringify(file['taps-cluster'])} in place of ${JSON.stringify(kind)}`);
  if (sha256OfBytes(JSON.stringify(file.body)) !== file.sha256) throw broken('it has changed since it was written');
  const parsed = schema.safeParse(file.body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw broken(`${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is wrong'} (another version of taps may have written it)`);
  }
  return parsed.data;
}

/** For files that are news only: null for whatever cannot be read, now or at all. */
export async function readNews<Body>(path: string, schema: z.ZodType<Body>): Promise<Body | null> {
  try {
    const parsed = schema.safeParse(JSON.parse((await readText(path)) ?? 'null'));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw storageError(error, 'read', path);
  }
}
