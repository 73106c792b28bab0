/** @file What a sweep is to run: every task with every setting and seed, as complete configurations. */
import type { Budget, PathPlan } from '../contract/budget.ts';
import { TapsError } from '../contract/errors.ts';
import type { SweepEntry } from '../contract/sweep.ts';
import { LAYER_PATTERNS, trainConfigSchema, type LayerPattern, type MethodId, type TrainConfig } from '../contract/training.ts';
import { defaultsForBase } from '../contract/training-defaults.ts';
import type { Library } from './open-library.ts';

export interface SweepPlan {
  /** Names or ids. */
  tasks: readonly string[];
  methods: readonly MethodId[];
  /** For TAPS: one setting each. */
  lambdas: readonly number[];
  /** For TAPS one setting each; for fixed layers, three patterns at the same bytes each. Budgets of bytes only. */
  budgets: readonly Exclude<Budget, { kind: 'accuracy' }>[];
  /** For TAPS: one more setting. */
  path: PathPlan | null;
  seeds: readonly number[];
  /** For every run, where it is not given by the setting. */
  common: Partial<TrainConfig>;
}

export interface PlannedSweep {
  entries: SweepEntry[];
  /** What was left out, in words. */
  notes: string[];
}

/**
 * Seed by seed, so that a sweep that is stopped half-way leaves a whole table of fewer seeds.
 * @throws TapsError `usage` when nothing is left to run, `invalid-config`, `not-found`
 */
export function planSweep(library: Library, plan: SweepPlan): PlannedSweep {
  const notes: string[] = [];
  const unique = <Value>(values: readonly Value[], what: string, keyOf: (value: Value) => string = String): Value[] => {
    const byKey = new Map(values.map((value) => [keyOf(value), value]));
    if (byKey.size < values.length) notes.push(`${String(values.length - byKey.size)} repeated ${what} left out: a run with the same settings and seed gives the same bytes.`);
    return [...byKey.values()];
  };
  const tasks = unique(plan.tasks.map((name) => library.tasks.get(name)), 'task(s)', ({ id }) => id);
  const seeds = unique(plan.seeds, 'seed(s)');
  const settings = unique(settingsOf(plan, notes), 'setting(s)', ({ setting }) => setting);
  const entries = seeds.flatMap((seed) =>
    tasks.flatMap((task) => {
      const { operators } = library.bases.get(task.baseId).summary;
      return settings.map(({ setting, config }) => ({ taskId: task.id, setting, config: parse({ ...defaultsForBase(operators), ...plan.common, ...config, seed }) }));
    }),
  );
  if (entries.length === 0) throw new TapsError('usage', 'The sweep has nothing to run.', 'Give at least one task, one method (with λ, a budget or a path for taps) and one seed.');
  return { entries, notes };
}

interface Setting {
  setting: string;
  config: Partial<TrainConfig> & { method: MethodId };
}

function settingsOf({ methods, lambdas, budgets, path }: SweepPlan, notes: string[]): Setting[] {
  return methods.flatMap((method): Setting[] => {
    if (method === 'taps') {
      return [
        ...lambdas.map((lambda) => ({ setting: `taps λ ${String(lambda)}`, config: { method, lambda } })),
        ...budgets.map((budget) => ({ setting: `taps ≤ ${nameOf(budget)}`, config: { method, budget } })),
        ...(path === null ? [] : [{ setting: `taps path of ${String(path.lambdas.length)}`, config: { method, path } }]),
      ];
    }
    if (method !== 'fixed-layers') return [{ setting: method, config: { method } }];
    if (budgets.length === 0) notes.push('fixed layers have no budget to take their bytes from: their own default share is used.');
    return LAYER_PATTERNS.flatMap((pattern) => {
      const plain = { setting: `${pattern} layers`, config: { method, pattern } };
      return budgets.length === 0 ? [plain] : budgets.map((budget) => atBytesOf(budget, pattern));
    });
  });
}

/** The same limit as TAPS gets, which is the comparison that counts. */
function atBytesOf(budget: SweepPlan['budgets'][number], pattern: LayerPattern): Setting {
  const limit = budget.kind === 'bytes' ? { patternBytes: budget.bytes } : { patternShare: budget.share };
  return { setting: `${pattern} layers ≤ ${nameOf(budget)}`, config: { method: 'fixed-layers', pattern, ...limit } };
}

function nameOf(budget: SweepPlan['budgets'][number]): string {
  return budget.kind === 'bytes' ? `${String(budget.bytes)} bytes` : `${String(Number((100 * budget.share).toPrecision(4)))} %`;
}

function parse(config: Partial<TrainConfig>): TrainConfig {
  const parsed = trainConfigSchema.safeParse(config);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = String(issue?.path[0] ?? 'method');
  throw new TapsError('invalid-config', `${key} ${JSON.stringify(config[key as keyof TrainConfig])} is not possible: ${issue?.message ?? ''}.`, 'taps train --help explains every option.');
}
