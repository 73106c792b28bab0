/** @file What TAPS is asked for: settings and back, budgets that cannot be held, paths that fit the run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { levelsOf } from '../../src-main/contract/budget.ts';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { fewestPathEpochs, pathEpochs } from '../../src-main/core/path-plan.ts';
import { AUTOMATIC, budgetEntry, budgetFrom, counted, DEFAULT_LEVELS, fittingRange, goalOf, GOALS, judgeBudget, leastShare, limitBytes, missingEpochs, pathOver, rangeOf, setGoal } from '../../src-renderer/screens/tune/goal.ts';

const FACTS = { gatedLayers: 15, trainImages: 240 };
const BOUNDS = { leastBytes: 22_856, mostBytes: 1_584_459, fullCopyBytes: 1_574_700 };
const fresh = (): ReturnType<typeof trainConfigSchema.parse> => trainConfigSchema.parse({ method: 'taps' });

test('every goal makes settings that a run accepts, and is recognised again; changing it leaves nothing behind', () => {
  for (const goal of GOALS) {
    const config = fresh();
    for (const before of GOALS) setGoal(config, before);
    setGoal(config, goal);
    assert.equal(goalOf(config), goal);
    assert.ok(trainConfigSchema.safeParse(config).success);
    assert.equal(config.budget !== undefined && config.path !== undefined, false);
  }
});

test('a path fits any rates and lengths that a person may type, half-typed ones too', () => {
  const rates = fc.record({ learningRate: fc.double({ min: -1, max: 200, noNaN: true }), momentum: fc.double({ min: 0, max: 1, noNaN: true }), batchSize: fc.integer({ min: 0, max: 5000 }) });
  fc.assert(
    fc.property(rates, fc.integer({ min: 2, max: 64 }), fc.integer({ min: 0, max: 100_000 }), (change, levels, trainImages) => {
      const config = { ...fresh(), ...change };
      const facts = { gatedLayers: 53, trainImages };
      assert.deepEqual(pathOver(config, levels, facts, AUTOMATIC).plan, { sizes: levels });
      const path = pathOver(config, levels, facts, fittingRange(config, levels, facts)).plan;
      assert.equal(path === null ? null : levelsOf(path), levels);
      assert.ok(trainConfigSchema.safeParse({ method: 'taps', path }).success, JSON.stringify(path));
    }),
  );
});

test('a range that is given is kept, one end or both; what cannot be is said in words; an earlier run’s range is found again', () => {
  const config = fresh();
  const fitting = fittingRange(config, 4, FACTS);
  const given = pathOver(config, 4, FACTS, { from: 0.5, to: 4 }).plan;
  assert.ok(given !== null);
  assert.deepEqual(given, { lambdas: [0.5, 1, 2, 4] });
  const half = pathOver(config, 4, FACTS, { from: null, to: 400 }).plan;
  assert.ok(half !== null && 'lambdas' in half);
  assert.deepEqual([half.lambdas[0], half.lambdas.at(-1)], [Number(fitting.from.toPrecision(4)), 400]);
  for (const range of [{ from: 2, to: 1 }, { from: 0, to: 1 }, { from: 1, to: 1001 }, { from: Number.NaN, to: 3 }]) assert.match(pathOver(config, 4, FACTS, range).problem ?? '', /cannot go from/, JSON.stringify(range));
  assert.match(pathOver(config, 64, FACTS, { from: 1, to: 1.001 }).problem ?? '', /not 64 different/);
  assert.deepEqual(rangeOf({ path: { sizes: 4 } }), AUTOMATIC);
  assert.deepEqual(rangeOf({ path: given }), { from: 0.5, to: 4 });
});

test('budgets are read as they are written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000_000_000 }), (bytes) => {
      const { value, unit } = budgetEntry({ kind: 'bytes', bytes, bitsPerWeight: 32 });
      const read = budgetFrom(value, unit, 0);
      assert.ok(read?.kind === 'bytes' && Math.abs(read.bytes - bytes) <= 1);
    }),
  );
  assert.deepEqual(budgetFrom(3, 'share', 0), { kind: 'share', share: 0.03, bitsPerWeight: 32 });
  assert.deepEqual(budgetFrom(0.5, 'points', 0.83), { kind: 'accuracy', points: 0.5, reference: 0.83 });
  for (const [value, unit] of [[0, 'share'], [101, 'share'], [-1, 'points'], [101, 'points'], [0, 'kB'], [-3, 'MB'], [Number.NaN, 'kB'], [1e300, 'MB']] as const) assert.equal(budgetFrom(value, unit, 0), null, `${String(value)} ${unit}`);
});

test('what cannot be held, what holds by itself; the least share that is named can be held', () => {
  const bytes = (limit: number) => ({ kind: 'bytes', bytes: limit, bitsPerWeight: 32 }) as const;
  assert.equal(judgeBudget(bytes(22_855), BOUNDS), 'impossible');
  assert.equal(judgeBudget(bytes(22_856), BOUNDS), 'fine');
  assert.equal(judgeBudget(bytes(1_584_459), BOUNDS), 'loose');
  assert.equal(judgeBudget({ kind: 'accuracy', points: 0, reference: 1 }, BOUNDS), 'fine');
  assert.equal(limitBytes({ kind: 'share', share: 0.5, bitsPerWeight: 32 }, BOUNDS), 787_350);
  assert.equal(leastShare(BOUNDS), 0.015);
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 1e6 }), fc.integer({ min: 1_000_001, max: 1e9 }), (leastBytes, fullCopyBytes) => {
      const bounds = { leastBytes, fullCopyBytes, mostBytes: 2 * fullCopyBytes };
      assert.notEqual(judgeBudget({ kind: 'share', share: leastShare(bounds), bitsPerWeight: 32 }, bounds), 'impossible');
    }),
  );
});

test('a budget for what is made smaller afterwards counts fewer bits: it lets more layers stay open, and is loose earlier', () => {
  const budget = { kind: 'share', share: 0.25, bitsPerWeight: 32 } as const;
  const packed = counted(budget, { encoding: 'auto' });
  assert.deepEqual(packed, { ...budget, bitsPerWeight: 2 });
  assert.deepEqual(counted(packed, {}), budget);
  assert.deepEqual(counted(packed, { encoding: 'int8' }), budget);
  assert.equal(judgeBudget(budget, BOUNDS), 'fine');
  assert.equal(judgeBudget(packed, BOUNDS), 'loose');
  assert.equal(judgeBudget(counted({ ...budget, share: 0.03 }, { encoding: 'auto' }), BOUNDS), 'fine');
  const points = { kind: 'accuracy', points: 1, reference: 0.9 } as const;
  assert.deepEqual(counted(points, { encoding: 'auto' }), points);
  const config = { ...fresh(), encoding: 'auto' as const };
  setGoal(config, 'budget');
  assert.equal(config.budget?.kind === 'share' ? config.budget.bitsPerWeight : 0, 2);
});

test('epochs of a path: what is refused is exactly what has not one epoch per level; levels lie end to end', () => {
  for (let levels = 2; levels <= 64; levels++) {
    const fewest = fewestPathEpochs(levels);
    const split = pathEpochs(fewest, levels);
    assert.ok(split.search >= 1 && split.perLevel >= 1 && split.first >= split.perLevel);
    assert.equal(split.search + split.first + (levels - 1) * split.perLevel, split.total);
    if (fewest > 1) assert.throws(() => pathEpochs(fewest - 1, levels), /at least/);
    const lambdas = Array.from({ length: levels }, (_, level) => level + 1);
    assert.equal(missingEpochs({ epochs: fewest, path: { lambdas } }), null);
    if (fewest > 1) assert.equal(missingEpochs({ epochs: fewest - 1, path: { lambdas } }), fewest);
  }
  assert.equal(missingEpochs(fresh()), null);
  assert.equal(DEFAULT_LEVELS, 8);
});
