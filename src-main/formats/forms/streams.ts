/**
 * @file Byte streams that the forms of a file share. Bytes of one kind stand together, whatever tensor they are of, because zstd finds
 * more in them: sign and exponent of many float16 numbers, codes of many layers.
 */
import { TapsError } from '../../contract/errors.ts';

/** In the order of the file. Digits name a byte of a number, lowest first. */
export const STREAMS = ['float0', 'float1', 'float2', 'float3', 'half0', 'half1', 'scale0', 'scale1', 'codes8', 'codes4', 'bits', 'gaps'] as const;
export type StreamName = (typeof STREAMS)[number];

/** How many bytes a tensor has in each stream. */
export type StreamLengths = Partial<Record<StreamName, number>>;

export class StreamWriter {
  readonly #chunks = new Map<StreamName, Uint8Array[]>();

  push(name: StreamName, bytes: Uint8Array): void {
    const chunks = this.#chunks.get(name);
    if (chunks === undefined) this.#chunks.set(name, [bytes]);
    else chunks.push(bytes);
  }

  /** 16 bits a number, low bytes and high bytes apart. */
  pushHalves(low: StreamName, high: StreamName, halves: Uint16Array): void {
    const lows = new Uint8Array(halves.length);
    const highs = new Uint8Array(halves.length);
    for (let index = 0; index < halves.length; index++) {
      lows[index] = halves[index] ?? 0;
      highs[index] = (halves[index] ?? 0) >> 8;
    }
    this.push(low, lows);
    this.push(high, highs);
  }

  /** Streams that are not empty, in the order of the file. */
  finish(): [StreamName, Uint8Array][] {
    return STREAMS.flatMap((name): [StreamName, Uint8Array][] => {
      const chunks = this.#chunks.get(name) ?? [];
      const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
      let offset = 0;
      for (const chunk of chunks) {
        bytes.set(chunk, offset);
        offset += chunk.length;
      }
      return bytes.length === 0 ? [] : [[name, bytes]];
    });
  }
}

/** Hands the bytes out in the order in which they were pushed. Reverse of `StreamWriter`. */
export class StreamReader {
  readonly #streams: ReadonlyMap<StreamName, Uint8Array>;
  readonly #positions = new Map<StreamName, number>();

  constructor(streams: ReadonlyMap<StreamName, Uint8Array>) {
    this.#streams = streams;
  }

  /** Shares memory with the stream. The caller has compared all lengths before (see `StreamLengths`). */
  take(name: StreamName, length: number): Uint8Array {
    const from = this.#positions.get(name) ?? 0;
    const bytes = this.#streams.get(name) ?? new Uint8Array();
    if (from + length > bytes.length) throw new TapsError('internal', `Stream ${name} ends at byte ${String(bytes.length)} of ${String(from + length)}.`, 'This is a defect: please report it.');
    this.#positions.set(name, from + length);
    return bytes.subarray(from, from + length);
  }

  takeHalves(low: StreamName, high: StreamName, count: number): Uint16Array {
    const lows = this.take(low, count);
    const highs = this.take(high, count);
    const halves = new Uint16Array(count);
    for (let index = 0; index < count; index++) halves[index] = (lows[index] ?? 0) | ((highs[index] ?? 0) << 8);
    return halves;
  }
}
