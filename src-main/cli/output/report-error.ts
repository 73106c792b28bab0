/** @file A failure as a person or a script reads it, and the exit code that goes with it. */
import { envelopeOf, exitCodeOf } from '../../contract/errors.ts';
import type { Terminal } from './terminal.ts';

/**
 * Writes `error: message` and `→ advice` to standard error, or with `--json` one line `{"error": {…}}` there.
 * @returns the process exit code
 */
export function reportError(error: unknown, terminal: Terminal): number {
  const envelope = envelopeOf(error);
  if (terminal.json) {
    terminal.warn(JSON.stringify({ error: envelope }));
  } else {
    terminal.warn(`${terminal.style('red', 'error:')} ${envelope.message}`);
    if (envelope.advice !== '') terminal.warn(`→ ${envelope.advice}`);
  }
  return exitCodeOf(envelope.code);
}
