/** @file The one place where numbers become text. Values stay raw everywhere else. */

const LOCALE = 'en-GB';
const count = new Intl.NumberFormat(LOCALE);
const percent = new Intl.NumberFormat(LOCALE, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 });
const wholePercent = new Intl.NumberFormat(LOCALE, { style: 'percent', maximumFractionDigits: 0 });
const date = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'short' });
const day = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium' });
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** What stands where nothing was measured. */
export const NOTHING = '–';

/** Between a number and its unit: they stay on one line. */
const NO_BREAK = '\u00a0';

/** 1234567 → "1,234,567". */
export function formatCount(value: number): string {
  return count.format(value);
}

/** Decimal units, three significant digits: 688123 → "688 kB". */
export function formatBytes(bytes: number | null): string {
  if (bytes === null || !Number.isFinite(bytes)) return NOTHING;
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || Math.abs(value) >= 99.95 ? 0 : Math.abs(value) >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)}${NO_BREAK}${UNITS[unit] ?? 'B'}`;
}

/** 0..1 → "83.3%". */
export function formatPercent(share: number | null): string {
  return share === null || !Number.isFinite(share) ? NOTHING : percent.format(share);
}

/** 0..1 → "83%": where room is short and precision is not the point. */
export function formatWholePercent(share: number | null): string {
  return share === null || !Number.isFinite(share) ? NOTHING : wholePercent.format(share);
}

/** Seconds → "42 s", "3 min 05 s", "2 h 10 min". */
export function formatDuration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return NOTHING;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${String(whole)}${NO_BREAK}s`;
  if (whole < 3600) return `${String(Math.floor(whole / 60))} min ${String(whole % 60).padStart(2, '0')} s`.replaceAll(' ', NO_BREAK);
  return `${String(Math.floor(whole / 3600))} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`.replaceAll(' ', NO_BREAK);
}

/** Three significant digits without an exponent where that is short: losses, learning rates, λ. */
export function formatNumber(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return NOTHING;
  if (value === 0) return '0';
  const size = Math.abs(value);
  return size < 1e-4 || size >= 1e6 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

/** Epoch milliseconds → "24 Nov 2026, 10:05". */
export function formatTime(epochMs: number | null): string {
  return epochMs === null ? NOTHING : date.format(epochMs);
}

export function formatDay(epochMs: number | null): string {
  return epochMs === null ? NOTHING : day.format(epochMs);
}

/** "1 picture", "2 pictures". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${formatCount(value)} ${value === 1 ? one : many}`;
}

/** Long paths and names keep both ends: "/home/ada/…/flowers/train". */
export function shortenMiddle(text: string, most: number): string {
  const characters = [...text];
  if (characters.length <= most) return text;
  const head = Math.ceil((most - 1) / 2);
  return `${characters.slice(0, head).join('')}…${characters.slice(characters.length - (most - 1 - head)).join('')}`;
}
