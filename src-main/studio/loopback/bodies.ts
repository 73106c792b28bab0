/** @file Reading what a client sends, up to a limit and no longer than it should take. */
import type { IncomingMessage } from 'node:http';

export class TooLarge extends Error {}

/** @throws TooLarge as soon as the limit is passed, whatever the length header says */
export async function readBody(request: IncomingMessage, mostBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > mostBytes) throw new TooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new TooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
