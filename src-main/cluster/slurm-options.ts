/** @file What a person may ask of Slurm for every job, and the words in which it is refused. Pure. */
import { z } from 'zod';
import { TapsError } from '../contract/errors.ts';

/** One line without anything that could end it; it goes into a script's head. */
const line = z.string().min(1).max(1000).regex(/^[^\p{Cc}]+$/u, 'must be one line');
/** Of partitions, accounts and the like, where Slurm takes lists with commas. */
const word = z.string().regex(/^[\w.,@+-]{1,200}$/u, 'takes letters, digits and . , _ @ + -');

/** Forms of sbatch --time: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, days-hours:minutes:seconds. */
const TIME = /^(?:(\d{1,4})-(\d{1,2})(?::(\d{1,2}))?(?::(\d{1,2}))?|(\d{1,6})(?::(\d{1,2}))?(?::(\d{1,2}))?)$/u;

/** Directives that the program writes itself: another value would lose the jobs. */
const OWN = ['array', 'a', 'output', 'o', 'error', 'e', 'job-name', 'J', 'open-mode', 'chdir', 'D', 'parsable', 'wrap', 'wait', 'W', 'input', 'i'];

const directive = line.regex(/^--?[A-Za-z]/u, 'must start with -').refine((text) => !OWN.includes(/^--?([A-Za-z-]+)/u.exec(text)?.[1] ?? ''), 'is set by taps itself');

export const slurmOptionsSchema = z.strictObject({
  partition: word.optional(),
  account: word.optional(),
  /** As sbatch takes it: 90, 1:30:00, 1-12. */
  time: z.string().regex(TIME, 'must be minutes, hours:minutes:seconds or days-hours:minutes:seconds').optional(),
  /** Of a job, such as 8G. */
  memory: z.string().regex(/^\d{1,9}[KMGT]?$/u, 'must be a number with K, M, G or T').optional(),
  /** CPUs of a job; a run takes as many threads, where its own settings do not say. */
  cpus: z.number().int().min(1).max(1024).optional(),
  /** Jobs at a time; absent: as many as Slurm allows. */
  atOnce: z.number().int().min(1).max(100_000).optional(),
  /** Further directives, such as `--gres=gpu:1`. */
  directives: z.array(directive).max(100).default([]),
  /** Shell lines before the program, such as `module load node`. */
  setup: z.array(line).max(100).default([]),
});
export type SlurmOptions = z.infer<typeof slurmOptionsSchema>;

/** How the command line names them. */
const FLAGS: Record<keyof SlurmOptions, string> = { partition: '--partition', account: '--account', time: '--time', memory: '--mem', cpus: '--cpus', atOnce: '--at-once', directives: '--sbatch', setup: '--setup' };

/** @throws TapsError `usage` naming the option and its value */
export function slurmOptions(given: z.input<typeof slurmOptionsSchema>): SlurmOptions {
  const parsed = slurmOptionsSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const [key, position] = issue?.path ?? [];
  const value = given[key as keyof SlurmOptions];
  const shown: unknown = Array.isArray(value) ? value[Number(position)] : value;
  throw new TapsError('usage', `${FLAGS[key as keyof SlurmOptions]} ${JSON.stringify(shown)} is not possible: it ${issue?.code === 'too_small' || issue?.code === 'too_big' ? 'is out of range' : (issue?.message ?? 'is wrong')}.`, 'taps sweep --help explains the options for Slurm.');
}

/** Seconds of a `--time`; null where there is none. */
export function secondsOf(time: string | undefined): number | null {
  const match = time === undefined ? null : TIME.exec(time);
  if (match === null) return null;
  const [days, dayHours, dayMinutes, daySeconds, first, second, third] = match.slice(1).map((part: string | undefined) => (part === undefined ? undefined : Number(part)));
  if (days !== undefined) return ((days * 24 + (dayHours ?? 0)) * 60 + (dayMinutes ?? 0)) * 60 + (daySeconds ?? 0);
  if (third !== undefined) return ((first ?? 0) * 60 + (second ?? 0)) * 60 + third;
  return (first ?? 0) * 60 + (second ?? 0);
}
