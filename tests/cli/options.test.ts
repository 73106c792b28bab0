/** @file Options of the command line: defaults from the schema, ranges in messages, what a shell would do with a hint. */
import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { commandToType, libraryFolderOf, type CommandContext } from '../../src-main/cli/context.ts';
import { parseFraction, parseInteger, parseNames, parseNumber } from '../../src-main/cli/options/parse.ts';
import { addTrainOptions, givenTrainOptions, METHOD_CHOICES, methodOf, trainConfigOf, wordOfMethod } from '../../src-main/cli/options/train-options.ts';
import { Terminal } from '../../src-main/cli/output/terminal.ts';
import { TapsError } from '../../src-main/contract/errors.ts';
import { METHODS, trainConfigSchema } from '../../src-main/contract/training.ts';

test('every setting of a run has an option, and help states its default and range', () => {
  const help = addTrainOptions(new Command('train')).helpInformation().replace(/\s+/g, ' ');
  const command = addTrainOptions(new Command('train'));
  // A budget has options of its own (options/budget-options), a path a command of its own.
  const elsewhere = ['budget', 'path'];
  const settings = command.options.filter(({ long }) => long !== '--fast');
  assert.equal(settings.length, Object.keys(trainConfigSchema.shape).filter((key) => !elsewhere.includes(key)).length);
  assert.match(help, /--lambda <number> sparsity penalty λ; larger closes more layers \(0 to 1000\) \[default: 1\]/);
  assert.match(help, /--warmup <epochs> epochs at the start without penalty \(0 or more\) \[default: 3\]/);
  assert.match(help, /--score-lr <rate> learning rate of the scores \(above 0 to 100\) \[default: same as --lr\]/);
});

test('words of methods and their identifiers name each other', () => {
  assert.deepEqual(METHOD_CHOICES.map((word) => methodOf(word)).sort(), [...METHODS].sort());
  for (const method of METHODS) assert.equal(methodOf(wordOfMethod(method)), method);
  assert.throws(() => methodOf('lora'), (error) => error instanceof TapsError && error.code === 'usage' && error.message.includes('lora'));
});

test('only given options reach the configuration; the schema fills in the rest', () => {
  const command = addTrainOptions(new Command('train')).exitOverride();
  command.parse(['--lr', '0.05', '--score-init', '0.2', '--batch', '8', '--method', 'full'], { from: 'user' });
  assert.deepEqual(givenTrainOptions(command.opts()), { learningRate: 0.05, scoreInit: 0.2, batchSize: 8 });
  assert.deepEqual(trainConfigOf('full-fine-tuning', command.opts()), trainConfigSchema.parse({ method: 'full-fine-tuning', learningRate: 0.05, scoreInit: 0.2, batchSize: 8 }));
});

test('--fast is a fitted head, a trunk and fewer epochs, and what is given beside it holds', () => {
  const parsed = (...words: string[]): Record<string, unknown> => addTrainOptions(new Command('train')).exitOverride().parse(words, { from: 'user' }).opts();
  assert.deepEqual(trainConfigOf('taps', parsed('--fast')), trainConfigSchema.parse({ method: 'taps', headStart: true, trunkShare: 0.4, epochs: 10, warmupEpochs: 1 }));
  assert.deepEqual(trainConfigOf('taps', parsed('--epochs', '4', '--fast', '--trunk', '0')), trainConfigSchema.parse({ method: 'taps', headStart: true, trunkShare: 0, epochs: 4, warmupEpochs: 1 }));
  assert.match(addTrainOptions(new Command('train')).helpInformation().replace(/\s+/g, ' '), /--fast .*--head-start --trunk 0\.4 --epochs 10 --warmup 1/);
});

test('a value out of range is refused with option, value and range', () => {
  const refused = (options: Record<string, unknown>, message: RegExp): void => {
    assert.throws(() => trainConfigOf('taps', options), (error) => error instanceof TapsError && error.code === 'invalid-config' && message.test(error.message));
  };
  refused({ lambda: -1 }, /^--lambda -1 is not possible \(0 to 1000\)\.$/);
  refused({ threshold: 2 }, /--threshold 2 is not possible \(0 to 1\)/);
  refused({ lr: 0 }, /--lr 0 is not possible \(above 0 to 100\)/);
  refused({ warmup: 9, epochs: 3 }, /--warmup 9 is more than --epochs 3/);
});

test('settings of the methods: names with commas, shares and ranks with their ranges', () => {
  const command = addTrainOptions(new Command('train')).exitOverride();
  command.parse(['--method', 'layers', '--layers', 'conv1.weight, layer1.0.conv1.weight', '--pattern', 'random', '--pattern-share', '0.1'], { from: 'user' });
  const config = trainConfigOf(methodOf('layers'), command.opts());
  assert.deepEqual([config.method, config.layers, config.pattern, config.patternShare], ['fixed-layers', ['conv1.weight', 'layer1.0.conv1.weight'], 'random', 0.1]);
  assert.deepEqual(parseNames('a'), ['a']);
  for (const text of ['', ',', 'a,,b', 'a,']) assert.throws(() => parseNames(text), /empty name/);
  const refused = (word: string, options: Record<string, unknown>, message: RegExp): void => {
    assert.throws(() => trainConfigOf(methodOf(word), options), (error) => error instanceof TapsError && error.code === 'invalid-config' && message.test(error.message));
  };
  refused('layers', { patternShare: 0 }, /^--pattern-share 0 is not possible \(above 0 to 1\)\.$/);
  refused('layers', { patternBytes: 0 }, /^--pattern-bytes 0 is not possible \(above 0\)\.$/);
  refused('layers', { layers: [] }, /^--layers {2}is not possible\.$/);
  refused('lowrank', { rank: 0 }, /^--rank 0 is not possible \(1 to 4096\)\.$/);
  refused('piggyback', { maskInit: 3 }, /^--mask-init 3 is not possible \(-1 to 1\)\.$/);
});

test('text that is no number is refused', () => {
  for (const text of ['', ' ', 'abc', '1x', 'NaN', 'Infinity']) assert.throws(() => parseNumber(text), /not a number/);
  assert.throws(() => parseInteger('1.5'), /not a whole number/);
  assert.equal(parseFraction('20%'), 0.2);
  assert.equal(parseFraction('0'), 0);
  for (const text of ['1', '-0.1', '100%']) assert.throws(() => parseFraction(text), /fraction/);
});

test('the library is the option, else the environment, else the home folder', () => {
  assert.equal(libraryFolderOf('a/b', { TAPS_LIBRARY: '/c' }), resolve('a/b'));
  assert.equal(libraryFolderOf(undefined, { TAPS_LIBRARY: '/c' }), '/c');
  assert.equal(libraryFolderOf(undefined, {}), join(homedir(), 'TAPS Studio', 'library'));
});

test('a command to type survives the shell', () => {
  const context: CommandContext = { libraryFolder: '/x', libraryOption: "my lib's", terminal: new Terminal({ json: false, quiet: false }), signal: new AbortController().signal };
  assert.equal(commandToType(context, 'train', 'two words', '--resume'), `taps train 'two words' --resume --library 'my lib'\\''s'`);
  assert.equal(commandToType({ ...context, libraryOption: undefined }, 'train', 'a'), 'taps train a');
});
