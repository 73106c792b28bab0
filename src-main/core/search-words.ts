/** @file How texts are searched and names are ordered, wherever that happens: case and accents do not count, numbers count by value. Pure. */

/** What of a text counts when it is searched. */
export function foldText(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

/** Words of a query, folded; each must occur somewhere. */
export function searchWords(query: string): string[] {
  return foldText(query).split(/\s+/).filter((word) => word !== '');
}

/** Longer numbers than any that is meant as one. */
const DIGITS = 15;

/** A text by whose code units names are in the order a person expects: `task 9` before `task 10`. */
export function orderKey(name: string): string {
  return foldText(name).replace(/\d+/g, (digits) => digits.padStart(DIGITS, '0'));
}
