/** @file RFC 4180 CSV: quotes, doubled quotes, any line ends, a byte order mark, and ; or tab where the header has no comma. */
import { TapsError } from '../contract/errors.ts';

/**
 * Rows of cells; empty lines are skipped.
 * @param name what to call the text in messages
 * @throws TapsError `dataset-invalid` when a quote is not closed: the rest of the file would be one cell
 */
export function parseCsv(text: string, name = 'the CSV'): string[][] {
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  const separator = separatorOf(source);
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  let quoteAt = 0;
  const endCell = (): void => {
    row.push(cell);
    cell = '';
  };
  const endRow = (): void => {
    endCell();
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  };
  for (let position = 0; position < source.length; position++) {
    const character = source[position] ?? '';
    if (quoted) {
      if (character !== '"') cell += character;
      else if (source[position + 1] === '"') {
        cell += '"';
        position++;
      } else quoted = false;
    } else if (character === '"' && cell === '') {
      quoted = true;
      quoteAt = position;
    } else if (character === separator) endCell();
    else if (character === '\n' || (character === '\r' && source[position + 1] !== '\n')) endRow();
    else if (character !== '\r') cell += character;
  }
  if (quoted) {
    const line = source.slice(0, quoteAt).split(/\r\n|\r|\n/).length;
    throw new TapsError('dataset-invalid', `In ${name} a quote is opened in line ${String(line)} and never closed.`, 'Close it, or double it where the quote belongs to the text.');
  }
  if (cell !== '' || row.length > 0) endRow();
  return rows;
}

/** Of the header, not counting what is inside quotes. */
function separatorOf(source: string): string {
  const header = /^(?:"(?:[^"]|"")*"|[^\r\n"])*/.exec(source)?.[0].replace(/"(?:[^"]|"")*"/g, '') ?? '';
  return [',', ';', '\t'].find((separator) => header.includes(separator)) ?? ',';
}
