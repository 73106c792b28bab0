/**
 * @file The JSON header of a safetensors file, read by its own small grammar.
 * `JSON.parse` keeps the last of two equal keys, rounds large integers and gives `__proto__` a meaning;
 * this reader refuses the first two and knows no prototypes. It never recurses, so nesting cannot exhaust the stack.
 */
import { TapsError } from '../contract/errors.ts';

export interface HeaderEntry {
  name: string;
  /** As written in the file, such as 'F32'. */
  dtype: string;
  shape: number[];
  /** Byte range in the data section, end exclusive. */
  begin: number;
  end: number;
}

export interface SafetensorsHeader {
  entries: HeaderEntry[];
  metadata: Map<string, string>;
}

export function malformed(message: string): TapsError {
  return new TapsError('model-malformed', `Not a valid safetensors file: ${message}.`, 'Get the file again from where it was made; it may be truncated or altered.');
}

const STRING_BODY = /[^"\\\u0000-\u001f]*/y;
const INTEGER = /(?:0|[1-9][0-9]*)(?![0-9.eE+-])/y;
const WHITESPACE = /[ \t\n\r]*/y;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'], ['\\', '\\'], ['/', '/'], ['b', '\b'], ['f', '\f'], ['n', '\n'], ['r', '\r'], ['t', '\t'],
]);

/** A position in the header text and the few productions the format needs. */
class HeaderText {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#position;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) return '';
    this.#position += found.length;
    return found;
  }

  fail(expected: string): TapsError {
    const seen = this.#text.slice(this.#position, this.#position + 16);
    return malformed(`header has ${seen === '' ? 'its end' : JSON.stringify(seen)} at character ${String(this.#position)} where ${expected} belongs`);
  }

  /** Consumes the character if it comes next, after white space. */
  accept(character: string): boolean {
    this.#match(WHITESPACE);
    if (this.#text[this.#position] !== character) return false;
    this.#position += 1;
    return true;
  }

  expect(character: string): void {
    if (!this.accept(character)) throw this.fail(`'${character}'`);
  }

  string(): string {
    this.expect('"');
    let value = '';
    for (;;) {
      value += this.#match(STRING_BODY);
      const next = this.#text[this.#position];
      if (next === '"') break;
      if (next !== '\\') throw this.fail('the end of a string');
      value += this.#escape();
    }
    this.#position += 1;
    if (!value.isWellFormed()) throw malformed('header has half of a surrogate pair in a string');
    return value;
  }

  #escape(): string {
    const letter = this.#text[this.#position + 1] ?? '';
    const simple = ESCAPES.get(letter);
    if (simple !== undefined) {
      this.#position += 2;
      return simple;
    }
    const digits = this.#text.slice(this.#position + 2, this.#position + 6);
    if (letter !== 'u' || !/^[0-9a-fA-F]{4}$/.test(digits)) throw this.fail('an escape sequence');
    this.#position += 6;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  /** A non-negative whole number that a double holds exactly: no sign, fraction or exponent. */
  integer(): number {
    this.#match(WHITESPACE);
    const digits = this.#match(INTEGER);
    if (digits === '') throw this.fail('a whole number');
    const value = Number(digits);
    if (!Number.isSafeInteger(value)) throw malformed(`header has the number ${digits.slice(0, 40)}, above 2^53 - 1`);
    return value;
  }

  integers(): number[] {
    const values: number[] = [];
    this.expect('[');
    if (this.accept(']')) return values;
    do values.push(this.integer());
    while (this.accept(','));
    this.expect(']');
    return values;
  }

  /** Calls `member` for every key of an object; the callback consumes the value. */
  object(member: (key: string) => void): void {
    this.expect('{');
    if (this.accept('}')) return;
    const seen = new Set<string>();
    do {
      const key = this.string();
      if (seen.has(key)) throw malformed(`header has the key ${JSON.stringify(key.slice(0, 100))} twice`);
      seen.add(key);
      this.expect(':');
      member(key);
    } while (this.accept(','));
    this.expect('}');
  }

  end(): void {
    this.#match(WHITESPACE);
    if (this.#position !== this.#text.length) throw this.fail('the end of the header');
  }
}

function readEntry(text: HeaderText, name: string): HeaderEntry {
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  text.object((key) => {
    if (key === 'dtype') dtype = text.string();
    else if (key === 'shape') shape = text.integers();
    else if (key === 'data_offsets') offsets = text.integers();
    else throw malformed(`tensor ${JSON.stringify(name.slice(0, 100))} has the unknown field ${JSON.stringify(key.slice(0, 100))}`);
  });
  const [begin, end, ...more] = offsets ?? [];
  if (dtype === undefined || shape === undefined || begin === undefined || end === undefined || more.length > 0) {
    throw malformed(`tensor ${JSON.stringify(name.slice(0, 100))} lacks dtype, shape or two data_offsets`);
  }
  return { name, dtype, shape, begin, end };
}

/**
 * Parses the header text.
 * @throws TapsError `model-malformed` for anything that is not exactly the format's grammar, and for equal keys
 */
export function parseHeader(source: string): SafetensorsHeader {
  if (!source.startsWith('{')) throw malformed("header does not start with '{'");
  const text = new HeaderText(source);
  const entries: HeaderEntry[] = [];
  const metadata = new Map<string, string>();
  text.object((key) => {
    if (key === '__metadata__') text.object((name) => metadata.set(name, text.string()));
    else entries.push(readEntry(text, key));
  });
  text.end();
  return { entries, metadata };
}
