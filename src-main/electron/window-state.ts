/** @file Where the window was and how large, kept between starts. Pure but for reading and writing one small file. */
import { readFileSync, writeFileSync } from 'node:fs';

interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}
export interface WindowState extends Area {
  maximized: boolean;
}

/** Smaller, nothing can be read. */
const LEAST = { width: 640, height: 480 };

/** Enough of the title bar to take hold of. */
const GRIP = 80;

export function readWindowState(file: string): WindowState | null {
  try {
    return stateIn(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}

/** Checked by hand: this is read before the window opens, and loading a library of schemas takes longer than all the rest. */
function stateIn(value: unknown): WindowState | null {
  const { x, y, width, height, maximized } = value as { [K in keyof WindowState]?: unknown };
  if (!isWhole(x) || !isWhole(y) || !isWhole(width) || !isWhole(height) || typeof maximized !== 'boolean') return null;
  return width < LEAST.width || height < LEAST.height ? null : { x, y, width, height, maximized };
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);

/** Losing it costs nothing: a full disk is not worth a word here. */
export function writeWindowState(file: string, state: WindowState): void {
  try {
    writeFileSync(file, JSON.stringify(state));
  } catch {
    // Opened at its standard place next time.
  }
}

/** Null when no screen shows the window's title bar any more: a screen was unplugged. @param screens work areas in pixels */
export function visibleState(state: WindowState | null, screens: readonly Area[]): WindowState | null {
  if (state === null) return null;
  const { x, y, width } = state;
  const seen = screens.some((area) => x + width - GRIP > area.x && x + GRIP < area.x + area.width && y >= area.y - 1 && y + GRIP < area.y + area.height);
  return seen ? state : null;
}
