/** @file The budget's controller, the choice of gates, the schedule of a path and the choice of its level. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TapsError } from '../../src-main/contract/errors.ts';
import { trainConfigSchema, type LayerState, type TrainConfig } from '../../src-main/contract/training.ts';
import { BudgetRegime } from '../../src-main/training/budget-regime.ts';
import { chooseGates } from '../../src-main/training/choose-gates.ts';
import { chooseLevel } from '../../src-main/training/choose-level.ts';
import { levelEpochs, PATH_PASSES, pathEpochs } from '../../src-main/core/path-plan.ts';
import { PathRegime } from '../../src-main/training/path-regime.ts';
import type { RegimeMemory } from '../../src-main/training/regime.ts';
import { bytesOf, limitOf, type TaskBytes } from '../../src-main/training/task-bytes.ts';

const SIZES = [400, 4000, 40_000, 4000, 120_000];
const BYTES: TaskBytes = { fixed: 1000, layers: SIZES, fullCopy: 169_000 };
const STEPS = 10;

const configOf = (overrides: Partial<TrainConfig> = {}): TrainConfig => trainConfigSchema.parse({ method: 'taps', epochs: 12, learningRate: 0.05, warmupEpochs: 3, ...overrides });

/** Layers whose scores follow TAPS's gradient flow with constant gains: ds/dt = gain − λ·n_l/n while above 0. */
class Plant {
  scores: number[] = SIZES.map(() => 0.15);
  fixed = 0;
  readonly gains: readonly number[];

  constructor(gains: readonly number[]) {
    this.gains = gains;
  }

  get states(): LayerState[] {
    return this.scores.map((score, layer) => ({ name: String(layer), parameters: (SIZES[layer] ?? 0) / 4, score, open: score >= 0.1 }));
  }
  layers(): Promise<LayerState[]> {
    return Promise.resolve(this.states);
  }
  setGates(open: readonly boolean[]): Promise<void> {
    this.scores = this.scores.map((score, layer) => (open[layer] === true ? Math.max(score, 0.1) : Math.min(score, 0.05)));
    return Promise.resolve();
  }
  restart(open: readonly boolean[]): Promise<void> {
    return this.setGates(open);
  }
  fixGates(): Promise<void> {
    this.fixed++;
    return Promise.resolve();
  }
  move(lambda: number, rate: number): void {
    const all = SIZES.reduce((sum, size) => sum + size, 0);
    this.scores = this.scores.map((score, layer) => Math.max(-0.1, score + rate * ((this.gains[layer] ?? 0) - (score > 0 ? lambda * ((SIZES[layer] ?? 0) / all) : 0))));
  }
}

/** Runs steps [from, to) and reports λ of each. */
async function simulate(regime: BudgetRegime, plant: Plant, from: number, to: number): Promise<number[]> {
  const lambdas: number[] = [];
  for (let step = from; step < to; step++) {
    await regime.before(step, plant);
    const { lambda, scoreLearningRate, penalty } = regime.hyperparameters(step);
    assert.equal(penalty, 'weights');
    plant.move(lambda, scoreLearningRate);
    regime.after(step, plant.states);
    lambdas.push(lambda);
  }
  return lambdas;
}

describe('budget', () => {
  test('without penalty while warming up; then λ rises until bytes yield; at the end the gates are fixed within the budget', async () => {
    const config = configOf();
    const limit = 60_000;
    const regime = new BudgetRegime(config, STEPS, BYTES, limit, null);
    // The largest layer gains most, but not for its bytes.
    const plant = new Plant([0.01, 0.02, 0.05, 0.001, 0.06]);
    const steps = config.epochs * STEPS;
    const lambdas = await simulate(regime, plant, 0, steps);
    // A fifth of the steps is for the gates, half of it at most for the warm-up.
    const [penalised, fixed] = [steps / 10, steps / 5];
    assert.ok(lambdas.slice(0, penalised).every((lambda) => lambda === 0));
    const adapting = lambdas.slice(penalised, fixed);
    assert.ok(adapting.every((lambda) => lambda > 0));
    assert.ok(Math.max(...adapting) > 1.5 * (adapting[0] ?? 0), 'λ rises from its start');
    assert.ok(lambdas.slice(fixed).every((lambda) => lambda === 0), 'fixed gates pay nothing');
    assert.equal(regime.hyperparameters(steps - 1).scoreLearningRate, 0);
    const open = plant.states.map((layer) => layer.open);
    assert.ok(bytesOf(BYTES, open) <= limit);
    assert.equal(open[4], false);
    assert.equal(open[2], true);
    assert.ok(plant.fixed > 0);
    assert.deepEqual(Array.from({ length: 12 }, (_, epoch) => regime.eligible(epoch)), Array.from({ length: 12 }, (_, epoch) => epoch >= 7), 'the second half after a fifth');
    const report = regime.report(plant.states);
    assert.deepEqual([report.limitBytes, report.leastBytes, report.mostBytes, report.fixedAtStep], [limit, 1000, 169_400, fixed]);
    assert.equal(report.bytes, bytesOf(BYTES, open));
  });

  test('λ falls again when more was closed than had to be', () => {
    const regime = new BudgetRegime(configOf(), STEPS, BYTES, 100_000, null);
    const closed = SIZES.map((_, layer): LayerState => ({ name: String(layer), parameters: 1, score: 0, open: false }));
    for (let step = 12; step < 22; step++) regime.after(step, closed);
    assert.ok(regime.hyperparameters(22).lambda < regime.hyperparameters(12).lambda + 1e-12);
    const before = regime.hyperparameters(22).lambda;
    regime.after(22, closed);
    assert.ok(regime.hyperparameters(23).lambda < before);
  });

  test('gone on with from its memory at any step, it does the same', async () => {
    const gains = [0.01, 0.02, 0.05, 0.001, 0.06];
    const config = configOf();
    const whole = new Plant(gains);
    const expected = await simulate(new BudgetRegime(config, STEPS, BYTES, 60_000, null), whole, 0, 120);
    for (const cut of [1, 11, 12, 18, 23, 24, 25, 119]) {
      const plant = new Plant(gains);
      const first = new BudgetRegime(config, STEPS, BYTES, 60_000, null);
      const before = await simulate(first, plant, 0, cut);
      const second = new BudgetRegime(config, STEPS, BYTES, 60_000, JSON.parse(JSON.stringify(first.memory())) as RegimeMemory);
      assert.deepEqual([...before, ...(await simulate(second, plant, cut, 120))], expected, `cut at ${String(cut)}`);
      assert.deepEqual(plant.scores, whole.scores);
    }
  });

  test('a budget that allows everything closes nothing; one epoch is enough to hold a budget', async () => {
    const free = new BudgetRegime(configOf(), STEPS, BYTES, 200_000, null);
    const plant = new Plant([0, 0, 0, 0, 0]);
    assert.ok((await simulate(free, plant, 0, 120)).every((lambda) => lambda === 0));
    assert.ok(plant.states.every(({ open }) => open));
    const short = new BudgetRegime(configOf({ epochs: 1 }), 1, BYTES, 50_000, null);
    const one = new Plant([0, 0, 0, 0, 0]);
    await simulate(short, one, 0, 1);
    assert.ok(bytesOf(BYTES, one.states.map(({ open }) => open)) <= 50_000);
    assert.ok(short.eligible(0));
  });

  test('gates: never above the limit; nine tenths are used wherever whole layers allow it', () => {
    const layer = fc.record({ bytes: fc.integer({ min: 1, max: 500 }), score: fc.double({ min: -1, max: 1, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(layer, { minLength: 1, maxLength: 9 }), fc.integer({ min: 0, max: 2500 }), (layers, room) => {
        const bytes: TaskBytes = { fixed: 100, layers: layers.map((each) => each.bytes), fullCopy: 5000 };
        const limit = 100 + room;
        const used = bytesOf(bytes, chooseGates(layers.map(({ score }) => score), bytes, limit));
        assert.ok(used <= limit);
        const all = Array.from({ length: 2 ** layers.length }, (_, bits) => bytesOf(bytes, layers.map((_layer, index) => ((bits >> index) & 1) === 1))).filter((total) => total <= limit);
        assert.ok(used >= Math.min(0.9 * limit, Math.max(...all)) - 1e-6, `${String(used)} of ${String(limit)}`);
      }),
    );
  });

  test('a budget below what every task takes is refused with the smallest one that can be held', () => {
    assert.equal(limitOf({ kind: 'bytes', bytes: 1000, bitsPerWeight: 32 }, BYTES), 1000);
    assert.equal(limitOf({ kind: 'share', share: 0.5, bitsPerWeight: 32 }, BYTES), 84_500);
    assert.throws(() => limitOf({ kind: 'bytes', bytes: 999, bitsPerWeight: 32 }, BYTES), (error: unknown) => error instanceof TapsError && error.code === 'invalid-config' && /999 bytes cannot be held/.test(error.message) && /at least 1000 bytes/.test(error.advice));
    assert.throws(
      () => limitOf({ kind: 'share', share: 0.001, bitsPerWeight: 32 }, BYTES),
      (error: unknown) => {
        assert.ok(error instanceof TapsError);
        // The percentage that is named can really be held.
        const named = Number(/\(([0-9.]+) %/.exec(error.advice)?.[1]) / 100;
        return limitOf({ kind: 'share', share: named, bitsPerWeight: 32 }, BYTES) >= BYTES.fixed;
      },
    );
  });
});

describe('path', () => {
  test('divides its passes, whatever the levels', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 2, max: 64 }), (epochs, levels) => {
        if (Math.ceil(PATH_PASSES * epochs) < levels + 1) {
          assert.throws(() => pathEpochs(epochs, levels), (error: unknown) => error instanceof TapsError && error.code === 'invalid-config');
          return;
        }
        const split = pathEpochs(epochs, levels);
        const { search, first, perLevel, total } = split;
        assert.ok(search >= 1 && perLevel >= 1 && first >= perLevel && search + first + (levels - 1) * perLevel === total && total <= Math.ceil(PATH_PASSES * epochs));
        const inOrder = Array.from({ length: levels }, (_, level) => levelEpochs(split, level, levels)).toReversed();
        assert.deepEqual(inOrder.map(({ from }) => from), [search, ...inOrder.slice(0, -1).map(({ to }) => to)], 'levels lie end to end, the strongest first');
        assert.equal(inOrder.at(-1)?.to, total);
      }),
    );
    assert.deepEqual(pathEpochs(18, 8), { search: 12, first: 6, perLevel: 2, total: 32 });
  });

  /** Runs every step; returns what `restart` was asked for, by step. */
  async function follow(path: PathRegime, plant: Plant, from = 0, to = path.epochs * STEPS): Promise<Map<number, boolean[]>> {
    const restarts = new Map<number, boolean[]>();
    for (let step = from; step < to; step++) {
      await path.before(step, {
        layers: () => plant.layers(),
        setGates: () => Promise.reject(new Error('not asked for')),
        fixGates: () => plant.fixGates(),
        restart: (open) => {
          restarts.set(step, [...open]);
          return plant.setGates(open);
        },
      });
      const { lambda, scoreLearningRate } = path.hyperparameters(step);
      plant.move(lambda, scoreLearningRate);
      path.after(step, plant.states);
    }
    return restarts;
  }
  const LAMBDAS = [0.1, 1, 10];
  const pathOf = (memory: RegimeMemory | null = null): PathRegime => new PathRegime(configOf({ epochs: 10, learningRate: 0.1 }), { lambdas: LAMBDAS }, STEPS, BYTES, memory);

  test('the search raises λ after a part without; levels are learnt from the strongest to the weakest, each slow at its end, gates at rest', () => {
    const path = pathOf();
    const split = pathEpochs(10, 3);
    const search = Array.from({ length: split.search * STEPS }, (_, step) => path.hyperparameters(step).lambda);
    assert.equal(search[0], 0);
    assert.deepEqual([...new Set(search)], [0, ...LAMBDAS]);
    assert.equal(path.hyperparameters(0).learningRate, 0.1);
    for (const [level] of LAMBDAS.entries()) {
      const { from, to } = levelEpochs(split, level, 3);
      const steps = Array.from({ length: (to - from) * STEPS }, (_, step) => path.hyperparameters(from * STEPS + step));
      assert.ok((steps[0]?.learningRate ?? 0) >= 0.04 && (steps.at(-1)?.learningRate ?? 1) < 0.001);
      assert.ok(steps.every(({ lambda, scoreLearningRate }) => lambda === 0 && scoreLearningRate === 0));
      assert.equal(path.levelOf(from), level);
      assert.ok(path.eligible(to - 1));
    }
    const ends = Array.from({ length: path.epochs }, (_, epoch) => path.levelEndingWith(epoch));
    assert.deepEqual(ends.filter((level) => level !== null), [2, 1, 0]);
    assert.equal(ends.at(-1), 0);
    assert.ok(!path.eligible(0));
  });

  test('every level is restarted with its layers; the sets of stronger levels lie within those of weaker ones', async () => {
    const restarts = await follow(pathOf(), new Plant([0.001, 0.002, 0.02, 0.0005, 0.3]));
    const split = pathEpochs(10, 3);
    assert.deepEqual([...restarts.keys()], [2, 1, 0].map((level) => levelEpochs(split, level, 3).from * STEPS));
    const sets = [...restarts.values()];
    for (const [index, open] of sets.entries()) open.forEach((isOpen, layer) => { assert.ok(!isOpen || index === sets.length - 1 || sets[index + 1]?.[layer] === true); });
    const sizes = sets.map((open) => open.filter(Boolean).length);
    assert.ok((sizes[0] ?? 0) < (sizes.at(-1) ?? 0), sizes.join(' '));
  });

  test('what it remembers is enough to go on from any step', async () => {
    const gains = [0.001, 0.002, 0.02, 0.0005, 0.3];
    const whole = [...(await follow(pathOf(), new Plant(gains)))];
    for (const cut of [STEPS, 3 * STEPS + 1, 5 * STEPS, 9 * STEPS]) {
      const [first, plant] = [pathOf(), new Plant(gains)];
      const before = await follow(first, plant, 0, cut);
      const second = pathOf(JSON.parse(JSON.stringify(first.memory())) as RegimeMemory);
      const after = await follow(second, plant, cut);
      assert.deepEqual([...before, ...after], whole);
    }
  });

  const bySize = (levels: number, memory: RegimeMemory | null = null): PathRegime => new PathRegime(configOf({ epochs: 20, learningRate: 0.05 }), { sizes: levels }, STEPS, BYTES, memory);
  const all = bytesOf(BYTES, SIZES.map(() => true));

  test('levels by size: nested, from no layer to all, each within its size, whatever the layers gain', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.double({ min: -1, max: 10, noNaN: true }), { minLength: SIZES.length, maxLength: SIZES.length }), fc.integer({ min: 2, max: 12 }), async (gains, levels) => {
        const sets = [...(await follow(bySize(levels), new Plant(gains))).values()];
        assert.equal(sets.length, levels);
        sets.forEach((open, place) => {
          const size = bytesOf(BYTES, open);
          assert.ok(size <= BYTES.fixed * (all / BYTES.fixed) ** (place / (levels - 1)) + 1e-6, `${String(size)} bytes in place ${String(place)} of ${String(levels)}`);
          open.forEach((isOpen, layer) => { assert.ok(!isOpen || place === levels - 1 || sets[place + 1]?.[layer] === true); });
        });
        assert.deepEqual([sets[0]?.includes(true), sets.at(-1)?.includes(false)], [false, false]);
      }),
      { numRuns: 40 },
    );
  });

  test('levels by size: of layers of one size, the one that gains more is there first; without gains the largest close first', async () => {
    const chosen = async (gains: readonly number[]): Promise<boolean[] | undefined> => [...(await follow(bySize(4), new Plant(gains))).values()][1];
    const [first, second] = [await chosen([0, 0.05, 0, 0, 0]), await chosen([0, 0, 0, 0.05, 0])];
    assert.deepEqual(first, [true, true, false, false, false]);
    assert.deepEqual(second, [true, false, false, true, false]);
    const path = bySize(4);
    const plant = new Plant([0, 0, 0, 0, 0]);
    const order: number[] = [];
    for (let step = 0; step < pathEpochs(20, 4).search * STEPS; step++) {
      const { lambda, scoreLearningRate, penalty } = path.hyperparameters(step);
      assert.equal(penalty, 'weights');
      plant.move(lambda, scoreLearningRate);
      plant.states.forEach(({ open }, layer) => { if (!open && !order.includes(layer)) order.push(layer); });
    }
    assert.deepEqual(order.slice(0, 2), [4, 2], order.join(' '));
  });

  test('levels by size: what is remembered is enough to go on from any step', async () => {
    const gains = [0.01, 0.02, 0.2, 0.005, 0.3];
    const whole = [...(await follow(bySize(3), new Plant(gains)))];
    for (const cut of [STEPS, 5 * STEPS + 3, 7 * STEPS, 20 * STEPS]) {
      const [first, plant] = [bySize(3), new Plant(gains)];
      const before = await follow(first, plant, 0, cut);
      const second = bySize(3, JSON.parse(JSON.stringify(first.memory())) as RegimeMemory);
      assert.deepEqual([...before, ...(await follow(second, plant, cut))], whole);
    }
  });

  test('the level: the most accurate, or the smallest that is near enough to full fine-tuning', () => {
    const level = (number: number, bytes: number, accuracy: number): { level: number; bytes: number; validation: { accuracy: number } } => ({ level: number, bytes, validation: { accuracy } });
    const levels = [level(0, 900, 0.8), level(1, 500, 0.81), level(2, 300, 0.8), level(3, 100, 0.7)];
    assert.equal(chooseLevel(levels, undefined)?.level, 1);
    assert.equal(chooseLevel(levels, { kind: 'accuracy', points: 1, reference: 0.81 })?.level, 2);
    assert.equal(chooseLevel(levels, { kind: 'accuracy', points: 20, reference: 0.81 })?.level, 3);
    assert.equal(chooseLevel(levels, { kind: 'accuracy', points: 0, reference: 0.9 })?.level, 1, 'none reaches it: the most accurate');
    assert.equal(chooseLevel(levels.slice(0, 0), undefined), undefined);
  });
});
