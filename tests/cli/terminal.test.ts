/** @file What goes to which stream, and what NO_COLOR, --json and --quiet change. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { reportError } from '../../src-main/cli/output/report-error.ts';
import { Terminal, type TerminalOptions } from '../../src-main/cli/output/terminal.ts';
import { TapsError } from '../../src-main/contract/errors.ts';

function fake(options: Partial<TerminalOptions>, env: NodeJS.ProcessEnv = {}, isTTY = false): { terminal: Terminal; out: () => string; err: () => string } {
  const out = new PassThrough();
  const err = Object.assign(new PassThrough(), { isTTY, columns: 20 });
  const read = (stream: PassThrough) => () => {
    const chunk: unknown = stream.read();
    return chunk instanceof Buffer ? chunk.toString() : '';
  };
  return { terminal: new Terminal({ json: false, quiet: false, ...options }, { out, err, env }), out: read(out), err: read(err) };
}

test('a result goes to standard output, as text or as one JSON document', () => {
  const text = fake({});
  text.terminal.result('hello', { a: 1 });
  assert.equal(text.out(), 'hello\n');
  const json = fake({ json: true });
  json.terminal.result('hello', { a: 1 });
  assert.equal(json.out(), '{"a":1}\n');
  assert.equal(json.err(), '');
});

test('quiet drops notes and keeps warnings', () => {
  const { terminal, err } = fake({ quiet: true }, {}, true);
  terminal.note('note');
  terminal.live('live');
  terminal.warn('warning');
  assert.equal(err(), 'warning\n');
});

test('live lines exist on a terminal only, fit it, and are wiped before anything else', () => {
  const pipe = fake({});
  pipe.terminal.live('x');
  assert.equal(pipe.err(), '');
  const { terminal, err } = fake({}, {}, true);
  terminal.live('a line that is longer than the terminal');
  assert.equal(err(), '\r\u001b[2Ka line that is long');
  terminal.note('done');
  assert.equal(err(), '\r\u001b[2Kdone\n');
});

test('colour only on a terminal, and never with NO_COLOR', () => {
  const red = '\u001b[31merror\u001b[39m';
  assert.equal(fake({}, {}, true).terminal.style('red', 'error'), red);
  assert.equal(fake({}, {}, false).terminal.style('red', 'error'), 'error');
  assert.equal(fake({}, { NO_COLOR: '1' }, true).terminal.style('red', 'error'), 'error');
  assert.equal(fake({}, { FORCE_COLOR: '1' }, false).terminal.style('red', 'error'), red);
});

test('an error is message and advice, or one JSON line; the code decides the exit code', () => {
  const error = new TapsError('not-found', 'There is no task "x".', 'Add it.');
  const text = fake({});
  assert.equal(reportError(error, text.terminal), 3);
  assert.equal(text.err(), 'error: There is no task "x".\n→ Add it.\n');
  const json = fake({ json: true });
  assert.equal(reportError(new TapsError('disk-full', 'Full.', 'Free space.', { details: { path: '/x' } }), json.terminal), 5);
  assert.deepEqual(JSON.parse(json.err()), { error: { code: 'disk-full', message: 'Full.', advice: 'Free space.', details: { path: '/x' } } });
  assert.equal(reportError(new Error('odd'), fake({}).terminal), 1);
});
