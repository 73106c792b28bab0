/**
 * @file The smallest version of a task within a tolerance. [Note: Choosing forms]
 *
 * 1. Each part alone is put into a harsh form and the divergence (KL, nats) of the answers is measured. Over the squared error of that
 *    form it is the part's sensitivity, and sensitivity × squared error predicts the divergence of every other form: to second order a
 *    divergence is quadratic in a change of weights.
 * 2. For a limit of the predicted sum, Lagrange multipliers give the choice with the fewest bytes (choose-forms).
 * 3. The limit itself is found with whole versions: every part as its form has it, evaluated. A version is accepted when its validation
 *    accuracy is at most the tolerance below the original's and its mean divergence at most DIVERGENCE_PER_POINT × tolerance. The
 *    second condition is what counts on few validation pictures, where a single one is several points. What is accepted is written;
 *    the caller reads it back and evaluates the file.
 */
import type { TaskArtifact } from '../../contract/training.ts';
import { decodeTaskFile } from '../../formats/task-file.ts';
import { assemble, roughened, RoughValues, type Choice } from './assemble.ts';
import { chooseForms, type RatedOption } from './choose-forms.ts';
import type { Judge, Judgement } from './judge.ts';
import { losslessOption, optionsOf, type Option } from './options.ts';
import type { Part } from './parts.ts';

/** Nats of mean divergence for one point of tolerance. */
export const DIVERGENCE_PER_POINT = 0.04;
/** Versions evaluated for the choice: more where pictures are few, for each costs little then and accuracy is a matter of single pictures. */
const EVALUATIONS = 14;
const EVALUATIONS_OF_FEW = 36;
/** Validation pictures below which they are few: a single one is half a point. */
const FEW = 200;
/** Pictures for the sensitivity of a part: that many for all parts together, in a network of many parts fewer for each. */
const ALL_SENSITIVITY_PICTURES = 3520;
const FEWEST_SENSITIVITY_PICTURES = 32;
const MOST_SENSITIVITY_PICTURES = 128;
/** Evaluations that bring the real divergence near its target. */
const CORRECTIONS = 5;
/** As near as this is near enough; what is aimed at is a little below. */
const NEAR = 1.25;
const AIM = 0.92;
/** Factor by which the limit falls after a version that was refused: short at first, long after so many. */
const SHORT_STRIDE = 1.15;
const SHORT_STRIDE_OF_FEW = 1.05;
/** Evaluations that are kept for long strides. */
const LAST = 4;
const LONG_STRIDE = 8;
const ROUNDING = 1e-9;

export interface Candidate {
  choices: Choice[];
  bytes: Uint8Array;
  judgement: Judgement;
}

export interface SearchOptions {
  artifact: TaskArtifact;
  parts: readonly Part[];
  judge: Judge;
  reference: Judgement;
  /** Points, above 0. */
  tolerance: number;
  onProgress: (stage: 'measuring' | 'choosing', done: number, total: number) => void;
}

/** Everything as it is, packed. */
export async function losslessCandidate({ artifact, parts, judge }: Pick<SearchOptions, 'artifact' | 'parts' | 'judge'>): Promise<Candidate> {
  return judged(artifact, parts.map((part) => ({ part, option: losslessOption(part) })), judge);
}

/** Writes, reads back and evaluates. */
export async function judged(artifact: TaskArtifact, choices: Choice[], judge: Judge): Promise<Candidate> {
  const bytes = assemble(artifact, choices);
  return { choices, bytes, judgement: await judge.judge(decodeTaskFile(bytes)) };
}

/** Whether a version is within the tolerance. */
export function isWithin({ validation, divergence }: Judgement, reference: Judgement, tolerance: number): boolean {
  return validation.accuracy >= reference.validation.accuracy - tolerance / 100 - ROUNDING && divergence <= DIVERGENCE_PER_POINT * tolerance;
}

/** Versions within the tolerance, smallest first; the lossless one is the last resort of the caller. */
export async function searchForms(options: SearchOptions, rated: readonly Rated[]): Promise<{ accepted: Candidate[]; evaluations: number }> {
  const { artifact, parts, judge, reference, tolerance, onProgress } = options;
  const values = new RoughValues();
  const accepted: Candidate[] = [];
  const seen = new Map<string, Attempted>();
  const few = judge.validation.length < FEW;
  const most = few ? EVALUATIONS_OF_FEW : EVALUATIONS;
  let evaluations = 0;
  const least = reference.validation.accuracy - tolerance / 100 - ROUNDING;
  const attempt = async (limit: number, refuseEarly: boolean): Promise<Attempted> => {
    const positions = chooseForms(rated.map(({ ratings }) => ratings), limit);
    const key = positions.join();
    const known = seen.get(key);
    if (known !== undefined) return known;
    onProgress('choosing', evaluations++, most);
    const choices = choicesAt(parts, rated, positions);
    const judgement = await judge.judge(roughened(artifact, choices, values), refuseEarly ? (validation) => validation.accuracy < least : undefined);
    const within = isWithin(judgement, reference, tolerance);
    if (within) accepted.push({ choices, bytes: assemble(artifact, choices), judgement });
    const attempted = { within, divergence: judgement.divergence };
    seen.set(key, attempted);
    return attempted;
  };
  await approach(DIVERGENCE_PER_POINT * tolerance, attempt, () => most - evaluations, few ? SHORT_STRIDE_OF_FEW : SHORT_STRIDE);
  return { accepted: accepted.sort((a, b) => a.bytes.length - b.bytes.length), evaluations };
}

/** What an attempt showed. */
interface Attempted {
  within: boolean;
  divergence: number;
}

/**
 * First the limit is moved by what is measured until the real divergence is just below the target. From there it falls until a version
 * is accepted. Accuracy on few pictures rises and falls with single ones: a version that only it refuses says little of its neighbours,
 * so short steps try many of them before long ones make sure that something is found.
 */
async function approach(target: number, attempt: (limit: number, refuseEarly: boolean) => Promise<Attempted>, left: () => number, shortStride: number): Promise<void> {
  let limit = target;
  for (let round = 0; round < CORRECTIONS; round++) {
    const { divergence } = await attempt(limit, false);
    const ratio = target / Math.max(divergence, Number.MIN_VALUE);
    if (ratio >= 1 && ratio < NEAR) break;
    limit *= Math.min(LONG_STRIDE, Math.max(1 / LONG_STRIDE, AIM * ratio));
  }
  // Choices are discrete: a limit may give a choice that is known, which costs nothing but must not go on for ever.
  for (let round = 0; round < 4 * EVALUATIONS_OF_FEW && left() > 0; round++) {
    if ((await attempt(limit, true)).within) return;
    limit /= left() > LAST ? shortStride : LONG_STRIDE;
  }
}

function choicesAt(parts: readonly Part[], rated: readonly Rated[], positions: readonly number[]): Choice[] {
  return parts.flatMap((part, index) => {
    const option = rated[index]?.all[positions[index] ?? 0];
    return option === undefined ? [] : [{ part, option }];
  });
}

/** Halvings of the range of limits, in which every limit that makes a difference lies (nats). */
const HALVINGS = 40;
const LEAST_LIMIT = 1e-9;
const MOST_LIMIT = 1e4;
/** Files that are written until one is just below the size. */
const WRITINGS = 6;
/** Of the size: near enough. */
const FULL = 0.97;

/**
 * The version with the least predicted divergence whose file takes at most so many bytes; where there is none, the smallest. Sizes of
 * parts are estimates, so the size that is aimed at is moved by what a file really took.
 */
export function fittingForms(artifact: TaskArtifact, parts: readonly Part[], rated: readonly Rated[], mostBytes: number): Omit<Candidate, 'judgement'> {
  const options = rated.map(({ ratings }) => ratings);
  const choicesWithin = (limit: number): Choice[] => choicesAt(parts, rated, chooseForms(options, limit));
  const estimateOf = (choices: readonly Choice[]): number => choices.reduce((sum, { option }) => sum + option.bytes, 0);
  let aim = mostBytes;
  let best: Omit<Candidate, 'judgement'> | null = null;
  for (let writing = 0; writing < WRITINGS; writing++) {
    let [low, high] = [Math.log(LEAST_LIMIT), Math.log(MOST_LIMIT)];
    for (let step = 0; step < HALVINGS; step++) {
      const middle = (low + high) / 2;
      if (estimateOf(choicesWithin(Math.exp(middle))) <= aim) high = middle;
      else low = middle;
    }
    const choices = choicesWithin(Math.exp(high));
    const bytes = assemble(artifact, choices);
    if (bytes.length <= mostBytes && (best === null || bytes.length > best.bytes.length)) best = { choices, bytes };
    if (bytes.length <= mostBytes && bytes.length >= FULL * mostBytes) break;
    aim = Math.min(aim, estimateOf(choices)) * (((1 + FULL) / 2) * mostBytes) / bytes.length;
  }
  if (best !== null) return best;
  const choices = choicesWithin(Infinity);
  return { choices, bytes: assemble(artifact, choices) };
}

/** The forms of a part, and what each of them is predicted to do. */
export interface Rated {
  all: Option[];
  ratings: RatedOption[];
}

/** Measures every part: step 1 of [Note: Choosing forms]. */
export async function rate({ artifact, parts, judge, onProgress }: SearchOptions): Promise<Rated[]> {
  const rated: Rated[] = [];
  const pictures = Math.min(MOST_SENSITIVITY_PICTURES, Math.max(FEWEST_SENSITIVITY_PICTURES, Math.floor(ALL_SENSITIVITY_PICTURES / parts.length)));
  for (const [index, part] of parts.entries()) {
    onProgress('measuring', index, parts.length);
    const all = optionsOf(part);
    const harsh = harshOf(all);
    const divergence = harsh.error === 0 ? 0 : await judge.divergenceOf(roughened(artifact, [{ part, option: harsh }], new RoughValues()), pictures);
    const sensitivity = harsh.error === 0 ? 0 : divergence / harsh.error;
    // No form that changes numbers is free, however little the pictures show of it.
    rated.push({ all, ratings: all.map(({ bytes, error }) => ({ bytes, divergence: error === 0 ? 0 : Math.max(sensitivity * error, Number.MIN_VALUE) })) });
  }
  return rated;
}

/** Errors that are too small, of the largest, to say something of it. */
const SMALL_ERROR = 0.01;

/** Of the forms without factors, the one whose squared error is nearest to half of the whole: large enough to be measured, small enough to say something of finer forms. */
function harshOf(options: readonly Option[]): Option {
  const all = options.filter(({ factors }) => factors === null);
  const largest = Math.max(...all.map(({ error }) => error));
  const plain = all.filter(({ error }) => error >= SMALL_ERROR * largest);
  const [nearest] = plain.toSorted((a, b) => Math.abs(a.error - largest / 2) - Math.abs(b.error - largest / 2));
  if (nearest === undefined) throw new Error('A part has at least its lossless form.');
  return nearest;
}
