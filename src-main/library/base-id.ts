/** @file The identity of a base: its bytes, whatever its name. */
import { sha256OfBytes } from '../platform/hash.ts';

/** SHA-256 (hex) over the hex hashes of graph and weights, one after the other. */
export function baseIdOf(graphSha256: string, weightsSha256: string): string {
  return sha256OfBytes(graphSha256 + weightsSha256);
}
