/** @file Where the window was and how large, kept between starts. Pure but for reading and writing one small file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const stateSchema = z.object({ x: z.number().int(), y: z.number().int(), width: z.number().int().min(640), height: z.number().int().min(480), maximized: z.boolean() });
export type WindowState = z.infer<typeof stateSchema>;

interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Enough of the title bar to take hold of. */
const GRIP = 80;

export function readWindowState(file: string): WindowState | null {
  try {
    return stateSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}

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
