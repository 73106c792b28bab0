/** @file Requests that the codec child answers. */
import type { DatasetImage, QuarantinedImage } from '../contract/dataset.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';

export interface PrepareRequest {
  /** Folder that the paths are relative to. */
  root: string;
  images: Pick<DatasetImage, 'path' | 'sha256' | 'label' | 'split'>[];
  preprocessing: Preprocessing;
  /** Shared cache of decoded pictures. */
  cacheFolder: string;
  /** Where the index of this set is written. */
  outputFolder: string;
  /** Refuse files whose content is not that of `sha256`; without it, hashes are taken as they are found. */
  verify: boolean;
}

export interface PrepareResult {
  prepared: number;
  /** Pictures that could not be decoded; they are not in the set. */
  quarantined: QuarantinedImage[];
}

export interface FindTwinsRequest {
  /** A prepared set. */
  preparedFolder: string;
}

export interface FindTwinsResult {
  /** Positions in the prepared set, ascending. `identical`: the same file; `similar`: not all the same file, but they show the same. */
  groups: { kind: 'identical' | 'similar'; indices: number[] }[];
}

export interface UnpackRequest {
  /** A zip file. */
  archive: string;
  /** Exists and is empty. */
  folder: string;
}

/** Name of the file with the `ArchiveRecord` in an unpacked folder; hidden, so that no dataset has it. */
export const ARCHIVE_RECORD = '.taps-archive.json';

/** What came out of an archive. */
export interface ArchiveRecord {
  version: 1;
  /** Pictures and tables. */
  files: number;
  bytes: number;
  /** Pictures and tables that were not written. */
  leftOut: QuarantinedImage[];
}

export interface ArchivePart {
  name: string;
  maxBytes: number;
  required: boolean;
}

/** An archive of these files and no others. */
export interface UnpackPartsRequest {
  /** A zip file. */
  archive: string;
  /** Exists and is empty. */
  folder: string;
  parts: ArchivePart[];
}

export interface HashFileRequest {
  path: string;
}

export interface ThumbnailRequest {
  /** Absolute. */
  path: string;
  /** Refuse a file with another content; null takes it as it is. */
  sha256: string | null;
  /** Longer side in pixels at most. */
  size: number;
  /** The cache of thumbnails of this size. */
  folder: string;
}

export interface ThumbnailResult {
  /** Absolute. */
  file: string;
}
