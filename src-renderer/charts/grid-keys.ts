/** @file Moving a cursor over the cells of a grid with the keyboard. Pure. */

export interface Cell {
  row: number;
  column: number;
}

/** Where a key leads from a cell, or null when it is no key for moving. Stays inside the grid. */
export function cellAfter(key: string, { row, column }: Cell, rows: number, columns: number): Cell | null {
  const clamp = (value: number, most: number): number => Math.min(Math.max(0, most - 1), Math.max(0, value));
  switch (key) {
    case 'ArrowLeft':
      return { row, column: clamp(column - 1, columns) };
    case 'ArrowRight':
      return { row, column: clamp(column + 1, columns) };
    case 'ArrowUp':
      return { row: clamp(row - 1, rows), column };
    case 'ArrowDown':
      return { row: clamp(row + 1, rows), column };
    case 'Home':
      return { row, column: 0 };
    case 'End':
      return { row, column: Math.max(0, columns - 1) };
    default:
      return null;
  }
}
