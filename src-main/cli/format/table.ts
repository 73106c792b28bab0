/** @file Aligned plain-text tables. Widths count code points: names may hold any script, but wide glyphs are not measured. */

export interface Column {
  title: string;
  /** Numbers read better on the right. */
  align: 'left' | 'right';
}

/** A row of cells, or a rule across the table. */
export type Row = readonly string[] | 'rule';

/** @returns lines joined by newlines, without one at the end */
export function formatTable(columns: readonly Column[], rows: readonly Row[]): string {
  const widths = columns.map((column, index) =>
    Math.max(lengthOf(column.title), ...rows.map((row) => (row === 'rule' ? 0 : lengthOf(row[index] ?? '')))),
  );
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, index) => {
        const cell = cells[index] ?? '';
        const padding = ' '.repeat((widths[index] ?? 0) - lengthOf(cell));
        return column.align === 'right' ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd();
  return [line(columns.map((column) => column.title)), rule, ...rows.map((row) => (row === 'rule' ? rule : line(row)))].join('\n');
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}

/** `name: value` lines with the values in one column. */
export function formatFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(0, ...facts.map(([name]) => lengthOf(name)));
  return facts.map(([name, value]) => `${name}${' '.repeat(width - lengthOf(name))}  ${value}`.trimEnd()).join('\n');
}
