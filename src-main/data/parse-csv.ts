/** @file RFC 4180 CSV: quotes, doubled quotes, CRLF, a byte order mark, and ; or tab where the header has no comma. */

export function parseCsv(text: string): string[][] {
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  const firstLine = /^[^\r\n]*/.exec(source)?.[0] ?? '';
  const separator = firstLine.includes(',') ? ',' : firstLine.includes(';') ? ';' : firstLine.includes('\t') ? '\t' : ',';
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
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
    } else if (character === '"' && cell === '') quoted = true;
    else if (character === separator) endCell();
    else if (character === '\n') endRow();
    else if (character !== '\r') cell += character;
  }
  if (cell !== '' || row.length > 0) endRow();
  return rows;
}
