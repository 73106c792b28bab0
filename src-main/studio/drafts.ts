/** @file The wizard as it was left, kept with the library. A granted source is remembered by its path, on this side only. */
import { z } from 'zod';
import { draftSchema, type Draft } from '../contract/studio/images.ts';
import type { Library } from '../services/open-library.ts';
import type { Grants } from './grants.ts';

const KEY = 'draft';
/** Path in place of the token, which is worth nothing after a restart. */
const storedSchema = draftSchema.extend({
  source: z
    .discriminatedUnion('kind', [z.strictObject({ kind: z.literal('path'), path: z.string() }), z.strictObject({ kind: z.literal('sample'), id: z.string() })])
    .nullable(),
});

/** @throws TapsError `not-found` for a token of nobody */
export function saveDraft(library: Library, grants: Grants, draft: Draft): void {
  const { source } = draft;
  const stored = source?.kind === 'granted' ? { kind: 'path', path: grants.pathOf(source.token) } : source;
  library.documents.set(KEY, { ...draft, source: stored });
}

/** A source that is not there any more is null, as is the draft of an incompatible version. */
export function readDraft(library: Library, grants: Grants): Draft | null {
  const parsed = storedSchema.safeParse(library.documents.get(KEY));
  if (!parsed.success) return null;
  const { source, ...draft } = parsed.data;
  if (source?.kind !== 'path') return { ...draft, source };
  const grant = grants.tryAdd(source.path);
  return { ...draft, source: grant === null ? null : { kind: 'granted', token: grant.token, displayPath: grant.displayPath, name: grant.name } };
}

export function hasDraft(library: Library): boolean {
  return library.documents.get(KEY) !== null;
}

export function discardDraft(library: Library): void {
  library.documents.remove(KEY);
}
