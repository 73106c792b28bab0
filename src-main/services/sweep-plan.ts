/** @file What a sweep is to run: every task with every setting and seed, as complete configurations. */
import { levelsOf, type SizeBudget, type PathPlan } from '../contract/budget.ts';
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
  budgets: readonly SizeBudget[];
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
  return entriesOf(library, plan.tasks, plan.seeds, settingsOf(plan, notes), notes, (operators) => ({ ...defaultsForBase(operators), ...plan.common }));
}

/** One way of learning, with several seeds and, for TAPS with a given λ, several λ. */
export interface VariationPlan {
  /** Names or ids. */
  tasks: readonly string[];
  /** Complete; its own seed has no effect, nor has its λ beside `lambdas`. */
  config: TrainConfig;
  /** Empty: that of `config`. TAPS without budget and path only. */
  lambdas: readonly number[];
  seeds: readonly number[];
}

/** Seed by seed, as `planSweep`. @throws TapsError `usage` when nothing is left to run, or for λ that have no meaning; `invalid-config`, `not-found` */
export function planVariations(library: Library, { tasks, config, lambdas, seeds }: VariationPlan): PlannedSweep {
  const notes: string[] = [];
  const given = config.method === 'taps' && config.budget === undefined && config.path === undefined;
  if (!given && lambdas.length > 0) throw new TapsError('usage', `Several λ (${lambdas.join(', ')}) have no meaning for ${nameOfConfig(config)}.`, 'Leave them out, or choose TAPS with a penalty λ.');
  const settings = given ? (lambdas.length === 0 ? [config.lambda] : lambdas).map((lambda) => ({ setting: lambdaSetting(lambda), config: { method: config.method, lambda } })) : [{ setting: nameOfConfig(config), config }];
  return entriesOf(library, tasks, seeds, settings, notes, () => config);
}

/** @param startOf settings that a setting of the sweep takes the place of, by the operators of a task's base */
function entriesOf(library: Library, taskNames: readonly string[], wantedSeeds: readonly number[], wanted: readonly Setting[], notes: string[], startOf: (operators: Readonly<Record<string, number>>) => Partial<TrainConfig>): PlannedSweep {
  const unique = <Value>(values: readonly Value[], what: string, keyOf: (value: Value) => string = String): Value[] => {
    const byKey = new Map(values.map((value) => [keyOf(value), value]));
    if (byKey.size < values.length) notes.push(`${String(values.length - byKey.size)} repeated ${what} left out: a run with the same settings and seed gives the same bytes.`);
    return [...byKey.values()];
  };
  const tasks = unique(taskNames.map((name) => library.tasks.get(name)), 'task(s)', ({ id }) => id);
  const seeds = unique(wantedSeeds, 'seed(s)');
  const settings = unique(wanted, 'setting(s)', ({ setting }) => setting);
  const entries = seeds.flatMap((seed) =>
    tasks.flatMap((task) => {
      const { operators } = library.bases.get(task.baseId).summary;
      return settings.map(({ setting, config }) => ({ taskId: task.id, setting, config: parse({ ...startOf(operators), ...config, seed }) }));
    }),
  );
  if (entries.length === 0) throw new TapsError('usage', 'The sweep has nothing to run.', 'Give at least one task, one method (with λ, a budget or a path for taps) and one seed.');
  return { entries, notes };
}

interface Setting {
  setting: string;
  config: Partial<TrainConfig> & { method: MethodId };
}

const lambdaSetting = (lambda: number): string => `taps λ ${String(lambda)}`;
const budgetSetting = (budget: SweepPlan['budgets'][number]): string => `taps ≤ ${nameOf(budget)}`;
const pathSetting = (path: PathPlan): string => `taps path of ${String(levelsOf(path))}`;

/** Names the one setting of a sweep that varies seeds only. */
function nameOfConfig({ method, budget, path, pattern }: TrainConfig): string {
  if (method === 'fixed-layers') return `${pattern} layers`;
  if (budget !== undefined) return budget.kind === 'accuracy' ? `taps within ${String(budget.points)} points` : budgetSetting(budget);
  return path === undefined ? method : pathSetting(path);
}

function settingsOf({ methods, lambdas, budgets, path }: SweepPlan, notes: string[]): Setting[] {
  return methods.flatMap((method): Setting[] => {
    if (method === 'taps') {
      return [
        ...lambdas.map((lambda) => ({ setting: lambdaSetting(lambda), config: { method, lambda } })),
        ...budgets.map((budget) => ({ setting: budgetSetting(budget), config: { method, budget } })),
        ...(path === null ? [] : [{ setting: pathSetting(path), config: { method, path } }]),
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
