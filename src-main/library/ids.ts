/** @file Identifiers of rows: short, unique, and in the order of their making. */
import { randomBytes } from 'node:crypto';

/** Crockford's base 32: no i, l, o, u. */
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_DIGITS = 9;
const RANDOM_DIGITS = 7;
let lastTime = 0;

/** Nine digits of time in milliseconds and seven random ones. Ids of one process sort by age. */
export function newId(now = Date.now()): string {
  lastTime = Math.max(now, lastTime + 1);
  let time = '';
  for (let rest = lastTime, digit = 0; digit < TIME_DIGITS; digit++) {
    time = `${DIGITS[rest % 32] ?? '0'}${time}`;
    rest = Math.floor(rest / 32);
  }
  const random = [...randomBytes(RANDOM_DIGITS)].map((byte) => DIGITS[byte % 32] ?? '0');
  return time + random.join('');
}
