/** @file Options that ask for a budget or a path instead of a penalty, and lists of numbers. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { BITS_WHEN_SMALLER, budgetSchema, type SizeBudget } from '../../contract/budget.ts';
import { TapsError } from '../../contract/errors.ts';
import { parseNames, parseNumber } from './parse.ts';

/** Decimal units, as they are printed. */
const UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9 };

/** `600kB`, `1.2 MB`, `48000` (bytes) or `20%` (of a full copy). */
export function parseBudget(text: string): SizeBudget {
  const match = /^\s*([0-9.eE+-]+)\s*(%|[a-zA-Z]*)\s*$/.exec(text);
  const value = parseNumber(match?.[1] ?? text);
  const unit = (match?.[2] ?? '').toLowerCase();
  const scale = UNITS[unit === '' ? 'b' : unit];
  if (unit !== '%' && scale === undefined) throw new InvalidArgumentError(`'${text}' is no size (such as 600kB, 1.2MB or 20%).`);
  const budget = unit === '%' ? { kind: 'share', share: value / 100 } : { kind: 'bytes', bytes: Math.floor(value * (scale ?? 1)) };
  const parsed = budgetSchema.safeParse(budget);
  if (!parsed.success || parsed.data.kind === 'accuracy') throw new InvalidArgumentError(`'${text}' is no size above 0 and, as a share, up to 100%.`);
  return parsed.data;
}

/** A size as `parseBudget` reads it. */
export function typedSize(budget: SizeBudget): string {
  return budget.kind === 'bytes' ? String(budget.bytes) : `${String(Number((100 * budget.share).toPrecision(4)))}%`;
}

/** Numbers with commas between. */
export function parseNumbers(text: string): number[] {
  return parseNames(text).map(parseNumber);
}

/** Sizes with commas between. */
export function parseBudgets(text: string): SizeBudget[] {
  return parseNames(text).map(parseBudget);
}

/** Bits per weight, 1 to 32. */
function parseBits(text: string): number {
  const bits = parseNumber(text);
  if (bits < 1 || bits > 32) throw new InvalidArgumentError(`'${text}' is not from 1 to 32.`);
  return bits;
}

/** Percentage points, 0 to 100. */
export function parsePoints(text: string): number {
  const points = parseNumber(text);
  if (points < 0 || points > 100) throw new InvalidArgumentError(`'${text}' is not from 0 to 100.`);
  return points;
}

export const BITS_OPTION = (): Option => new Option('--bits <bits>', 'what the budget counts for a weight; less than 32 when the task is compressed afterwards (1 to 32) [default: 32; 2 with --encoding auto]').argParser(parseBits);

export function addBudgetOptions(command: Command): Command {
  return command
    .addOption(new Option('--budget <size>', 'taps: largest size of the task, such as 600kB or 20% of a full copy; λ is adapted to it').argParser(parseBudget).conflicts('lambda'))
    .addOption(BITS_OPTION())
    .addOption(new Option('--within <points>', 'taps: the smallest task at most so many points below full fine-tuning on validation pictures; learnt as a path').argParser(parsePoints).conflicts(['lambda', 'budget']));
}

/** The budget of bytes that was asked for. @throws TapsError `usage` for bits without a budget */
export function budgetOf(options: { budget?: SizeBudget; bits?: number; encoding?: string }): SizeBudget | undefined {
  if (options.budget === undefined) {
    if (options.bits !== undefined) throw new TapsError('usage', '--bits says what a budget counts, and there is no budget.', 'Give --budget as well.');
    return undefined;
  }
  return { ...options.budget, bitsPerWeight: options.bits ?? (options.encoding === 'auto' ? BITS_WHEN_SMALLER : options.budget.bitsPerWeight) };
}
