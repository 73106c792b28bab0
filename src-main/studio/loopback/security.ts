/** @file Who may talk to the loopback server: exact host and origin, a token compared in constant time, few wrong guesses. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const TOKEN_BYTES = 32;
const MOST_WRONG_PER_MINUTE = 20;
const MINUTE_MS = 60_000;

/** Without inline script or style; pictures from this server and from blobs the window makes itself. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

/** Sent with every answer. */
export const SECURITY_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

export class Gatekeeper {
  readonly token = randomBytes(TOKEN_BYTES).toString('base64url');
  /** For addresses of pictures and downloads, which carry no header: opens nothing else. */
  readonly readKey = createHmac('sha256', this.token).update('pictures and downloads').digest('base64url');
  #wrong: number[] = [];

  /** Names a browser on this machine may use; another name that leads here is someone else's page (DNS rebinding). */
  isOwnHost(host: string | undefined, port: number): boolean {
    return host !== undefined && ownHosts(port).includes(host.toLowerCase());
  }

  /** Absent for a plain navigation and for programs; a foreign page always has one. */
  isOwnOrigin({ origin, 'sec-fetch-site': site }: IncomingHttpHeaders, port: number): boolean {
    if (site === 'cross-site' || site === 'same-site') return false;
    return origin === undefined || ownHosts(port).some((host) => origin.toLowerCase() === `http://${host}`);
  }

  /** @returns `limited` after too many wrong tokens within a minute, whoever sent them */
  judge(header: string | undefined): 'right' | 'wrong' | 'limited' {
    const now = Date.now();
    this.#wrong = this.#wrong.filter((at) => now - at < MINUTE_MS);
    const given = /^Bearer ([\w-]{1,200})$/.exec(header ?? '')?.[1] ?? '';
    // The right token opens even while others are guessing.
    if (isSame(given, this.token)) return 'right';
    if (this.#wrong.length >= MOST_WRONG_PER_MINUTE) return 'limited';
    this.#wrong.push(now);
    return 'wrong';
  }

  opensReading(key: string | null): boolean {
    return isSame(key ?? '', this.readKey);
  }
}

function ownHosts(port: number): string[] {
  return [`127.0.0.1:${String(port)}`, `localhost:${String(port)}`];
}

/** Takes the same time wherever the first difference is. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
