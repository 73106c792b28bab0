/** @file Help, wrong usage and exit codes of the real command. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildProgram } from '../../src-main/cli/program.ts';
import { taps, temporaryFolder } from './run-taps.ts';

test('every command explains itself', () => {
  const program = buildProgram();
  const names: string[] = [];
  for (const command of program.commands) {
    for (const leaf of command.commands.length > 0 ? command.commands : [command]) {
      names.push(leaf === command ? command.name() : `${command.name()} ${leaf.name()}`);
      assert.notEqual(leaf.description(), '', leaf.name());
      for (const option of leaf.options) assert.notEqual(option.description, '', `${leaf.name()} ${option.flags}`);
      assert.match(leaf.helpInformation(), /--library <folder>/);
    }
  }
  assert.deepEqual(names, [
    'base import', 'base list', 'base show', 'base remove',
    'task add', 'task list', 'task show', 'task remove', 'task pack', 'task unpack',
    'train', 'joint', 'path', 'sweep', 'compare', 'compress', 'tall', 'adopt', 'predict', 'export', 'library verify', 'library stats', 'library gc', 'doctor', 'studio',
    // Hidden: job scripts call it.
    'cluster-job',
  ]);
});

test('wrong usage ends with 2, a message and where to look', async () => {
  const unknown = await taps('trian', 'x');
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /^error: Unknown command 'trian' \(Did you mean train\?\)\n→ See taps --help\.\n$/);
  const number = await taps('train', 'x', '--epochs', 'many', '--json');
  assert.equal(number.code, 2);
  assert.equal(number.out, '');
  const { error } = JSON.parse(number.err) as { error: { code: string; message: string } };
  assert.equal(error.code, 'usage');
  assert.match(error.message, /many/);
  const range = await taps('train', 'x', '--lambda', '5000');
  assert.equal(range.code, 2);
  assert.match(range.err, /--lambda 5000 is not possible \(0 to 1000\)/);
});

test('what is not there ends with 3, bad input with 4, and the library stays usable', async (t) => {
  const folder = temporaryFolder(t);
  const library = join(folder, 'library');
  const none = await taps('base', 'list', '--library', library);
  assert.equal(none.code, 3);
  assert.match(none.err, /There is no library/);
  const pickle = await taps('base', 'import', join(import.meta.dirname, 'run-taps.ts'), '--library', library);
  assert.equal(pickle.code, 4);
  assert.match(pickle.err, /^error: .+\n→ .+\n$/);
  const listed = await taps('base', 'list', '--json', '--library', library);
  assert.deepEqual(listed.json, []);
});
