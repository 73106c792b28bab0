/**
 * @file Options of `taps train`, derived from the schema of a run: types, ranges and defaults are stated once, in
 * contract/training.ts, and printed by `--help`.
 */
import { Option, type Command } from 'commander';
import { z } from 'zod';
import { DEFAULT_TOLERANCE } from '../../contract/compression.ts';
import { TapsError } from '../../contract/errors.ts';
import { defaultsForBase, FAST_SETTINGS } from '../../contract/training-defaults.ts';
import { trainConfigSchema, type MethodId, type TrainConfig } from '../../contract/training.ts';
import { parseInteger, parseNames, parseNumber } from './parse.ts';

/** Short words on the command line. The identifiers themselves are accepted too. */
const METHOD_WORDS: Record<string, MethodId> = {
  taps: 'taps',
  full: 'full-fine-tuning',
  probe: 'linear-probe',
  norm: 'norm-head',
  bias: 'bias-head',
  layers: 'fixed-layers',
  lowrank: 'low-rank',
  modulator: 'modulator',
  piggyback: 'piggyback',
};

/** What `--method` takes, wherever it occurs. */
export const METHOD_CHOICES: readonly string[] = Object.keys(METHOD_WORDS);

interface TrainOption {
  flag: string;
  /** Shown as `<…>`: the kind of value or its unit. */
  value: string;
  key: keyof TrainConfig;
  help: string;
}

const TRAIN_OPTIONS: readonly TrainOption[] = [
  { flag: 'lambda', value: 'number', key: 'lambda', help: 'sparsity penalty λ; larger closes more layers' },
  { flag: 'threshold', value: 'score', key: 'threshold', help: 'τ: a layer is adapted while its score is at least this' },
  { flag: 'score-init', value: 'score', key: 'scoreInit', help: 'start value of every score' },
  { flag: 'warmup', value: 'epochs', key: 'warmupEpochs', help: 'epochs at the start without penalty' },
  { flag: 'layers', value: 'names', key: 'layers', help: 'layers, lowrank, modulator, piggyback: change these layers, names of weights with commas between' },
  { flag: 'pattern', value: 'kind', key: 'pattern', help: 'layers: which layers are taken first' },
  { flag: 'pattern-share', value: 'fraction', key: 'patternShare', help: 'layers: largest size of the task, of a full copy' },
  { flag: 'pattern-bytes', value: 'bytes', key: 'patternBytes', help: 'layers: largest size of the task, in place of --pattern-share' },
  { flag: 'rank', value: 'r', key: 'rank', help: 'lowrank: inner dimension of the factors' },
  { flag: 'rank-alpha', value: 'α', key: 'rankAlpha', help: 'lowrank: the change is α/r times the product of the factors' },
  { flag: 'mask-init', value: 'number', key: 'maskInit', help: 'piggyback: start value of masks' },
  { flag: 'mask-threshold', value: 'number', key: 'maskThreshold', help: 'piggyback: a weight is on while its mask value is at least this' },
  { flag: 'epochs', value: 'epochs', key: 'epochs', help: 'passes over the training images' },
  { flag: 'lr', value: 'rate', key: 'learningRate', help: 'learning rate at the start of the cosine schedule' },
  { flag: 'score-lr', value: 'rate', key: 'scoreLearningRate', help: 'learning rate of the scores' },
  { flag: 'batch', value: 'images', key: 'batchSize', help: 'images per micro-batch' },
  { flag: 'accumulate', value: 'batches', key: 'accumulate', help: 'micro-batches averaged into one optimiser step' },
  { flag: 'seed', value: 'number', key: 'seed', help: 'start of all random numbers: same seed, same run' },
  { flag: 'image-size', value: 'pixels', key: 'imageSize', help: 'side of the input image' },
  { flag: 'optimizer', value: 'name', key: 'optimizer', help: 'optimiser; adamw with a rate of 0.0005 by itself for transformers and ConvNeXt' },
  { flag: 'momentum', value: 'fraction', key: 'momentum', help: 'momentum of sgd' },
  { flag: 'weight-decay', value: 'rate', key: 'weightDecay', help: 'weight decay, never on scores and masks' },
  { flag: 'sample-confidence', value: '', key: 'sampleConfidence', help: 'learn how far to trust each training picture; finds wrong labels' },
  { flag: 'confidence-lr', value: 'rate', key: 'confidenceRate', help: 'learning rate of that trust' },
  { flag: 'augmentation', value: 'kind', key: 'augmentation', help: 'random changes of training images' },
  { flag: 'views', value: 'count', key: 'views', help: 'augmented views of every picture, taken in turn; 0 = a new one in every epoch' },
  { flag: 'trunk', value: 'fraction', key: 'trunkShare', help: 'lowest part of the network, of a forward pass, that stays the base’s and is computed once per view' },
  { flag: 'trunk-memory', value: 'MB', key: 'trunkMemory', help: 'memory for what the trunk made of pictures' },
  { flag: 'trunk-disk', value: 'MB', key: 'trunkDisk', help: 'disk for it, when memory is full' },
  { flag: 'trunk-precision', value: 'type', key: 'trunkPrecision', help: 'float16 rounds it, so that twice as much finds room' },
  { flag: 'head-start', value: '', key: 'headStart', help: 'fit the head to the base’s features before the first step' },
  { flag: 'encoding', value: 'form', key: 'encoding', help: 'afterwards store the result in fewer bytes too, as taps compress does' },
  { flag: 'tolerance', value: 'points', key: 'tolerance', help: 'with --encoding auto: percentage points of validation accuracy that may be lost' },
  { flag: 'engine', value: 'name', key: 'engine', help: 'what computes (see taps doctor)' },
  { flag: 'threads', value: 'count', key: 'threads', help: 'CPU threads, 0 = all cores' },
];

const FAST_WORDS = `--head-start --trunk ${String(FAST_SETTINGS.trunkShare)} --epochs ${String(FAST_SETTINGS.epochs)} --warmup ${String(FAST_SETTINGS.warmupEpochs)}`;

/** What help shows where the schema has no default or null. */
const NULL_DEFAULTS: Partial<Record<keyof TrainConfig, string>> = { scoreLearningRate: 'same as --lr', imageSize: "the base's own", layers: "the method's own", patternBytes: '--pattern-share', encoding: 'only as learnt', tolerance: String(DEFAULT_TOLERANCE) };

interface PropertySchema {
  type?: string;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  enum?: string[];
  default?: string | number | null;
  anyOf?: PropertySchema[];
}

function propertyOf(key: keyof TrainConfig): PropertySchema {
  const properties = z.toJSONSchema(trainConfigSchema, { io: 'input' }).properties ?? {};
  const property = properties[key] as PropertySchema;
  const value = property.anyOf?.find((branch) => branch.type !== 'null');
  return value === undefined ? property : { ...value, default: property.default ?? null };
}

/** Such as ` (0 to 1000)`; empty where there is no range. */
function rangeOf({ minimum, exclusiveMinimum, maximum = Infinity }: PropertySchema): string {
  const low = minimum ?? exclusiveMinimum;
  if (low === undefined) return '';
  const unbounded = maximum >= Number.MAX_SAFE_INTEGER;
  if (minimum === undefined) return unbounded ? ` (above ${low})` : ` (above ${low} to ${maximum})`;
  return unbounded ? ` (${low} or more)` : ` (${low} to ${maximum})`;
}

/** By the schema's type; numbers otherwise. */
const PARSERS: Record<string, (text: string) => unknown> = { integer: parseInteger, array: parseNames };

/** A value as it was typed. */
function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}

/**
 * Adds the options of a run to a command. They carry no values by default: the schema fills them in.
 * @param except flags that the command says in another way
 */
export function addTrainOptions(command: Command, except: readonly string[] = []): Command {
  if (!except.includes('method')) command.addOption(new Option('--method <method>', 'how the task is learnt').choices(METHOD_CHOICES).default('taps'));
  if (!except.includes('fast')) command.addOption(new Option('--fast', `settings for about a third of the time: ${FAST_WORDS}. Options given beside it hold`));
  for (const { flag, value, key, help } of TRAIN_OPTIONS) {
    if (except.includes(flag)) continue;
    const property = propertyOf(key);
    const standard = property.default === null || property.default === undefined ? NULL_DEFAULTS[key] : String(property.default);
    if (property.type === 'boolean') {
      command.addOption(new Option(`--${flag}`, help));
      continue;
    }
    const option = new Option(`--${flag} <${value}>`, `${help}${rangeOf(property)} [default: ${standard}]`);
    if (property.enum !== undefined) option.choices(property.enum);
    else option.argParser(PARSERS[property.type ?? ''] ?? parseNumber);
    command.addOption(option);
  }
  return command;
}

/** @throws TapsError `usage` */
export function methodOf(word: string): MethodId {
  const method = METHOD_WORDS[word] ?? Object.values(METHOD_WORDS).find((id) => id === word);
  if (method === undefined) throw new TapsError('usage', `There is no method '${word}'.`, `Use one of: ${Object.keys(METHOD_WORDS).join(', ')}.`);
  return method;
}

/** Whatever ended a run, its checkpoint is there to go on from. */
export function withResumeHint(error: unknown, command: string): unknown {
  if (!(error instanceof TapsError) || !['cancelled', 'child-crashed', 'out-of-memory', 'disk-full'].includes(error.code)) return error;
  const advice = error.code === 'cancelled' ? `Go on with: ${command}` : `${error.advice} Go on with: ${command}`;
  return new TapsError(error.code, error.message, advice, { cause: error, details: { ...error.details, resumeCommand: command } });
}

/** The word that `--method` takes for a method. */
export function wordOfMethod(method: MethodId): string {
  return Object.entries(METHOD_WORDS).find(([, id]) => id === method)?.[0] ?? method;
}

/** Configuration keys that were given on the command line, one by one or with `--fast`, with their values, without the method. */
export function givenTrainOptions(options: Record<string, unknown>): Partial<TrainConfig> {
  const given: Record<string, unknown> = options['fast'] === true ? { ...FAST_SETTINGS } : {};
  for (const { flag, key } of TRAIN_OPTIONS) {
    const value = options[flag.replace(/-(\w)/g, (_match, letter: string) => letter.toUpperCase())];
    if (value !== undefined) given[key] = value;
  }
  return given;
}

/**
 * The complete configuration of a new run.
 * @param operators of the base: what is not given follows from its kind (contract/training-defaults)
 * @throws TapsError `invalid-config` naming the option, its value and its range
 */
export function trainConfigOf(method: MethodId, options: Record<string, unknown>, operators: Readonly<Record<string, number>> = {}): TrainConfig {
  const given = givenTrainOptions(options);
  // A chosen optimiser brings no learning rate of another.
  const fitting = given.optimizer === undefined ? defaultsForBase(operators) : {};
  const parsed = trainConfigSchema.safeParse({ method, ...fitting, ...given });
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const option = TRAIN_OPTIONS.find(({ key }) => key === issue?.path[0]);
    const value = option === undefined ? undefined : givenTrainOptions(options)[option.key];
    throw new TapsError(
      'invalid-config',
      `--${option?.flag ?? 'method'} ${textOf(value)} is not possible${option === undefined ? '' : rangeOf(propertyOf(option.key))}.`,
      'Choose a value in that range; taps train --help explains every option.',
    );
  }
  if (parsed.data.warmupEpochs > parsed.data.epochs && 'warmupEpochs' in givenTrainOptions(options)) {
    throw new TapsError('invalid-config', `--warmup ${parsed.data.warmupEpochs} is more than --epochs ${parsed.data.epochs}: the penalty would never act.`, 'Give fewer warm-up epochs.');
  }
  return parsed.data;
}
