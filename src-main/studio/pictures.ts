/** @file From `/picture/…` to a small picture on disk. Only pictures of datasets, of the samples and of granted files have an address. */
import { join } from 'node:path';
import { idSchema, tokenSchema } from '../contract/studio/common.ts';
import { pictureRoot } from '../services/archive-folders.ts';
import { PICTURE_SIZES, type PictureFile, type PictureSize } from '../services/picture-files.ts';
import type { StudioContext } from './context.ts';
import { sampleCover } from './resources.ts';

export interface PictureAddress {
  size: PictureSize;
  what: { kind: 'dataset' | 'sample'; id: string; index: number } | { kind: 'granted'; token: string };
}

/** null for anything that is not exactly such an address. */
export function parsePictureAddress(pathAndQuery: string): PictureAddress | null {
  const match = /^\/picture\/(?:(dataset|sample)\/([^/?]+)\/(\d{1,7})|granted\/([^/?]+))(?:\?size=(\d{1,4}))?$/.exec(pathAndQuery);
  if (match === null) return null;
  const [, kind, id, index, token, sizeText] = match;
  const size = sizeText === undefined ? 256 : PICTURE_SIZES.find((known) => String(known) === sizeText);
  if (size === undefined) return null;
  if (id !== undefined && index !== undefined) return idSchema.safeParse(id).success ? { size, what: { kind: kind === 'sample' ? 'sample' : 'dataset', id, index: Number(index) } } : null;
  return token !== undefined && tokenSchema.safeParse(token).success ? { size, what: { kind: 'granted', token } } : null;
}

/** The small picture; null when the address is wrong, nothing was granted, or the file cannot be shown. */
export async function pictureOf(context: StudioContext, pathAndQuery: string): Promise<PictureFile | null> {
  try {
    const address = parsePictureAddress(pathAndQuery);
    const original = address === null ? null : originalOf(context, address);
    return address === null || original === null ? null : await context.session.pictures.pictureFile({ ...original, size: address.size });
  } catch {
    // A missing, changed or unreadable file: the window shows a place-holder.
    return null;
  }
}

/** Where the original lies, and its hash where it is known. */
function originalOf(context: StudioContext, { what }: PictureAddress): { path: string; sha256?: string } | null {
  if (what.kind === 'granted') return { path: context.grants.pathOf(what.token) };
  if (what.kind === 'sample') {
    const path = sampleCover(what.id, what.index);
    return path === null ? null : { path };
  }
  const { root, images } = context.session.datasets.manifest(what.id);
  const image = images[what.index];
  return image === undefined ? null : { path: join(pictureRoot(context.session.library, root), image.path), sha256: image.sha256 };
}
