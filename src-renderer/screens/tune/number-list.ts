/** @file Numbers as a person lists them, with commas or spaces between: `0, 1, 2`. Pure. */

export interface NumberList {
  /** In the order they were typed, each once. */
  values: number[];
  /** What was typed more than once. */
  repeated: number[];
  /** The first piece that is no possible number; null when all are. */
  wrong: string | null;
}

/** @param isPossible whether a number is in its range */
export function parseNumberList(typed: string, isPossible: (value: number) => boolean): NumberList {
  const pieces = typed.split(/[\s,;]+/u).filter((piece) => piece !== '');
  const values: number[] = [];
  const repeated: number[] = [];
  let wrong: string | null = null;
  for (const piece of pieces) {
    const value = Number(piece);
    if (!Number.isFinite(value) || !isPossible(value)) wrong ??= piece;
    else if (!values.includes(value)) values.push(value);
    else if (!repeated.includes(value)) repeated.push(value);
  }
  return { values, repeated, wrong };
}
