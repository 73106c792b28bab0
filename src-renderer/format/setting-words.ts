/** @file The value of a setting of a run, whatever it is made of, as text. */
import { NOTHING } from './units.ts';

export function settingWords(value: unknown): string {
  if (value === null || value === undefined) return NOTHING;
  return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean);
}
