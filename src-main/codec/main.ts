/** @file The codec child: the only process that opens foreign image files and archives. */
import { sha256OfFile } from '../platform/hash.ts';
import { serveRequests } from '../supervisor/serve-requests.ts';
import { findTwins } from './find-twins.ts';
import { prepare } from './prepare.ts';
import type { FindTwinsRequest, HashFileRequest, PrepareRequest, ThumbnailRequest, UnpackPartsRequest, UnpackRequest } from './protocol.ts';
import { thumbnail } from './thumbnail.ts';
import { unpack } from './unpack.ts';
import { unpackParts } from './unpack-parts.ts';

serveRequests({
  prepare: (payload: PrepareRequest, progress) => prepare(payload, progress),
  findTwins: (payload: FindTwinsRequest, progress) => findTwins(payload, progress),
  thumbnail: (payload: ThumbnailRequest) => thumbnail(payload),
  unpack: (payload: UnpackRequest, progress) => unpack(payload, progress),
  unpackParts: async (payload: UnpackPartsRequest) => {
    await unpackParts(payload);
    return null;
  },
  hashFile: ({ path }: HashFileRequest) => sha256OfFile(path),
});
