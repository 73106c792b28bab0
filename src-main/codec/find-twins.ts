/** @file Pictures of a prepared set that are the same file, or show the same. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { HEADER_BYTES, readHeader } from '../data/decoded-file.ts';
import { openPreparedSet, readPreparedIndex } from '../data/prepared-set.ts';
import type { Progress } from '../supervisor/request-protocol.ts';
import { shrink, THUMB_SIDE, type Fingerprint } from './fingerprint.ts';
import { nearIndex } from './near-index.ts';
import type { FindTwinsRequest, FindTwinsResult } from './protocol.ts';
import { sameMotif } from './same-motif.ts';

/** Pictures that one is compared with at most: a set of thousands of look-alikes must not take a square of time. */
const MOST_COMPARED = 256;
/** Between two turns of the loop that sends messages. */
const PER_TURN = 500;

/** Groups in the order of their first picture; indices ascending, positions in the prepared set. */
export async function findTwins({ preparedFolder }: FindTwinsRequest, progress: Progress): Promise<FindTwinsResult> {
  const { cache, images } = readPreparedIndex(preparedFolder);
  // Every content once: equal files are equal whatever they show.
  const positionsOf = new Map<string, number[]>();
  images.forEach(({ file }, position) => {
    const known = positionsOf.get(file);
    if (known === undefined) positionsOf.set(file, [position]);
    else known.push(position);
  });
  const contents = [...positionsOf.keys()];
  const prints: Fingerprint[] = [];
  for (const file of contents) {
    prints.push(await storedFingerprint(join(cache, file)));
    progress(prints.length, contents.length * 2);
  }
  const parents = await uniteSimilar(preparedFolder, [...positionsOf.values()].map((positions) => positions[0] ?? 0), prints, progress);
  const groups = Map.groupBy(contents.keys(), (content) => rootOf(parents, content));
  return {
    groups: [...groups.values()].flatMap((members) => {
      const indices = members.flatMap((content) => positionsOf.get(contents[content] ?? '') ?? []).sort((a, b) => a - b);
      return indices.length < 2 ? [] : [{ kind: members.length === 1 ? ('identical' as const) : ('similar' as const), indices }];
    }).sort((a, b) => (a.indices[0] ?? 0) - (b.indices[0] ?? 0)),
  };
}

/** Union–find over contents: neighbours by fingerprint whose small pictures agree. */
async function uniteSimilar(folder: string, positions: readonly number[], prints: readonly Fingerprint[], progress: Progress): Promise<Uint32Array> {
  const set = openPreparedSet(folder, { keptBytes: 0 });
  const thumbs = new Map<number, Float32Array>();
  const thumbOf = (content: number): Float32Array => {
    const known = thumbs.get(content);
    if (known !== undefined) return known;
    const thumb = shrink(set.image(positions[content] ?? 0), THUMB_SIDE);
    thumbs.set(content, thumb);
    return thumb;
  };
  const parents = Uint32Array.from(prints.keys());
  const index = nearIndex(prints);
  for (const [content, [low, high]] of prints.entries()) {
    if (content % PER_TURN === 0) await setImmediate();
    progress(prints.length + content + 1, prints.length * 2);
    if (low === 0 && high === 0) continue;
    for (const other of index.before(content, MOST_COMPARED)) {
      const [a, b] = [rootOf(parents, content), rootOf(parents, other)];
      if (a !== b && sameMotif(thumbOf(content), thumbOf(other))) parents[Math.max(a, b)] = Math.min(a, b);
    }
  }
  return parents;
}

function rootOf(parents: Uint32Array, item: number): number {
  let root = item;
  while (parents[root] !== root) root = parents[root] ?? root;
  // Later look-ups are shorter.
  for (let at = item; at !== root; ) {
    const next = parents[at] ?? root;
    parents[at] = root;
    at = next;
  }
  return root;
}

/** From the header; a file that vanished from the cache since resembles nothing. */
async function storedFingerprint(path: string): Promise<Fingerprint> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return [0, 0];
  try {
    const header = new Uint8Array(HEADER_BYTES);
    const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0);
    return bytesRead === HEADER_BYTES ? readHeader(header).fingerprint : [0, 0];
  } finally {
    await file.close();
  }
}
