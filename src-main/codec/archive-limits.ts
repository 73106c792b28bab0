/** @file What an archive may ask for. Counted before anything is written; what is written is held to what was announced. */
import { TapsError } from '../contract/errors.ts';
import { MAX_FILE_BYTES } from './decode-picture.ts';

export interface ArchiveLimits {
  entries: number;
  /** Of all files that are written. */
  totalBytes: number;
  pictureBytes: number;
  tableBytes: number;
  /** Size over packed size. */
  ratio: number;
  /** Up to here a file may be packed as tightly as it will: plain pictures and tables of few words are. */
  anyRatioBytes: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = {
  entries: 200_000,
  totalBytes: 50e9,
  pictureBytes: MAX_FILE_BYTES,
  tableBytes: 64 * 2 ** 20,
  ratio: 200,
  anyRatioBytes: 2 ** 20,
};

export interface EntrySize {
  name: string;
  bytes: number;
  packedBytes: number;
  /** Of its header in the archive. */
  offset: number;
}

/** Adds up what the entries announce. */
export class ArchiveBudget {
  readonly #limits: ArchiveLimits;
  readonly #archiveBytes: number;
  readonly #ranges: [from: number, to: number][] = [];
  #totalBytes = 0;

  constructor(limits: ArchiveLimits, archiveBytes: number) {
    this.#limits = limits;
    this.#archiveBytes = archiveBytes;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** @throws TapsError `dataset-invalid` */
  addFile({ name, bytes, packedBytes, offset }: EntrySize): void {
    const { ratio, anyRatioBytes, totalBytes } = this.#limits;
    if (bytes > anyRatioBytes && bytes > ratio * packedBytes) {
      throw refusal(`${JSON.stringify(name)} claims ${String(bytes)} bytes out of ${String(packedBytes)}, more than ${String(ratio)} times as many`);
    }
    this.#totalBytes += bytes;
    if (this.#totalBytes > totalBytes) throw refusal(`it claims more than ${String(totalBytes)} bytes of pictures`, 'Unpack it yourself and choose the folder.');
    // 30 bytes are the least a header takes.
    this.#ranges.push([offset, offset + 30 + packedBytes]);
  }

  /** Once all files are added. @throws TapsError `dataset-invalid` when files share bytes (a bomb that passes every other check) */
  finish(): void {
    this.#ranges.sort((a, b) => a[0] - b[0]);
    let end = 0;
    for (const [from, to] of this.#ranges) {
      if (from < end) throw refusal('several of its files share the same bytes');
      end = to;
    }
    if (end > this.#archiveBytes) throw refusal('one of its files reaches beyond its end', 'The archive may be cut off: copy or download it again.');
    if (this.#totalBytes > this.#limits.anyRatioBytes * 64 && this.#totalBytes > this.#limits.ratio * this.#archiveBytes) {
      throw refusal(`it claims ${String(this.#totalBytes)} bytes out of ${String(this.#archiveBytes)}, more than ${String(this.#limits.ratio)} times as many`);
    }
  }
}

/** @param what continues "The archive is refused: …" */
export function refusal(what: string, advice = 'Get the archive from a source you trust, or unpack it yourself and choose the folder.'): TapsError {
  return new TapsError('dataset-invalid', `The archive is refused: ${what}.`, advice);
}
