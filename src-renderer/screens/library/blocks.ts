/** @file Long lists in blocks of whole rows. Pure. */

/** Half open. */
export interface Block {
  from: number;
  to: number;
}

export function blocksOf(total: number, size: number): Block[] {
  return Array.from({ length: Math.ceil(total / size) }, (_, index) => ({ from: index * size, to: Math.min(total, (index + 1) * size) }));
}

/** As many as a grid of `repeat(auto-fill, minmax(least, 1fr))` has. @param width, least, gap in pixels */
export function columnsIn(width: number, least: number, gap: number): number {
  return Math.max(1, Math.floor((width + gap) / (least + gap)));
}
