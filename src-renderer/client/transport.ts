/** @file What the window needs of the other side, whichever way it is reached. */
import type { Grant } from '../../src-main/contract/studio/common.ts';
import type { RequestInput, RequestName, RequestOutput, Reply } from '../../src-main/contract/studio/contract.ts';
import type { StudioEvent } from '../../src-main/contract/studio/events.ts';

export interface Transport {
  readonly kind: 'electron' | 'loopback';
  request<K extends RequestName>(name: K, input: RequestInput<K>): Promise<Reply<RequestOutput<K>>>;
  /** Returns the function that ends the subscription. */
  onEvent(listener: (event: StudioEvent) => void): () => void;
  /** Files and folders that were dropped or chosen in a browser's own dialog. Progress 0..1 while they are sent. */
  grantFiles(files: DroppedFiles, onProgress: (share: number) => void): Promise<Reply<Grant[]>>;
  /** Address of a picture, such as `/picture/dataset/<id>/<index>?size=96`. */
  pictureUrl(path: string): string;
}

/** A drop keeps folders apart from files: `entries` is set for a DataTransfer, `files` for an input element. */
export interface DroppedFiles {
  files: readonly File[];
  entries: readonly FileSystemEntry[];
}
