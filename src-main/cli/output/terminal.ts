/**
 * @file What a command may say, and where: results to standard output, everything about the work to standard error.
 * With `--json` standard output carries one JSON document and nothing else.
 */
import { styleText } from 'node:util';

export interface TerminalOptions {
  json: boolean;
  quiet: boolean;
}

export interface Streams {
  out: NodeJS.WritableStream;
  err: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  env: NodeJS.ProcessEnv;
}

export class Terminal {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Whether lines of standard error can be rewritten. */
  readonly interactive: boolean;
  readonly #streams: Streams;
  #liveLine = false;

  constructor(options: TerminalOptions, streams: Streams = { out: process.stdout, err: process.stderr, env: process.env }) {
    this.json = options.json;
    this.quiet = options.quiet;
    this.#streams = streams;
    this.interactive = streams.err.isTTY === true && streams.env['TERM'] !== 'dumb' && !options.quiet;
  }

  get columns(): number {
    return this.#streams.err.columns ?? 80;
  }

  /** The result of a command: text for a person, or the data with `--json`. */
  result(text: string, data: unknown): void {
    this.clearLive();
    if (this.json) this.#streams.out.write(`${JSON.stringify(data)}\n`);
    else if (text !== '') this.#streams.out.write(`${text}\n`);
  }

  /** A line about the work; not with `--quiet`. */
  note(line: string): void {
    if (this.quiet) return;
    this.clearLive();
    this.#streams.err.write(`${line}\n`);
  }

  /** A line that a person should not miss, also with `--quiet`. */
  warn(line: string): void {
    this.clearLive();
    this.#streams.err.write(`${line}\n`);
  }

  /** Rewrites the line at the bottom; without a terminal nothing is shown. */
  live(line: string): void {
    if (!this.interactive) return;
    const fitting = Array.from(line).slice(0, this.columns - 1).join('');
    this.#streams.err.write(`\r\u001b[2K${fitting}`);
    this.#liveLine = true;
  }

  clearLive(): void {
    if (!this.#liveLine) return;
    this.#streams.err.write('\r\u001b[2K');
    this.#liveLine = false;
  }

  /** Colour on a terminal; honours NO_COLOR and FORCE_COLOR. */
  style(format: 'bold' | 'dim' | 'red' | 'green', text: string): string {
    const { env, err } = this.#streams;
    const wanted = env['FORCE_COLOR'] !== undefined && env['FORCE_COLOR'] !== '0';
    const refused = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
    return (wanted || err.isTTY === true) && !refused ? styleText(format, text, { validateStream: false }) : text;
  }
}
