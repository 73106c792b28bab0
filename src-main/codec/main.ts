/** @file The codec child: the only process that opens foreign image files. */
import { serveRequests } from '../supervisor/serve-requests.ts';
import { findTwins } from './find-twins.ts';
import { prepare } from './prepare.ts';
import type { FindTwinsRequest, PrepareRequest } from './protocol.ts';

serveRequests({
  prepare: (payload: PrepareRequest, progress) => prepare(payload, progress),
  findTwins: (payload: FindTwinsRequest, progress) => findTwins(payload, progress),
});
