/** @file Text of the command line → values, refusing what is not one. */
import { InvalidArgumentError } from 'commander';

/** A decimal number such as `0.01`, `1e-3` or `30`. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError(`'${text}' is not a number.`);
  return value;
}

/** A whole number. */
export function parseInteger(text: string): number {
  const value = parseNumber(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError(`'${text}' is not a whole number.`);
  return value;
}

/** A fraction 0..1, also written as `20%`. */
export function parseFraction(text: string): number {
  const value = text.endsWith('%') ? parseNumber(text.slice(0, -1)) / 100 : parseNumber(text);
  if (value < 0 || value >= 1) throw new InvalidArgumentError(`'${text}' is not a fraction from 0 to below 1 (such as 0.2 or 20%).`);
  return value;
}

/** Names with commas between; spaces around them do not count. */
export function parseNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError(`'${text}' has an empty name; write names with commas between.`);
  return names;
}
