/**
 * @file Whatever a window sends: 300 payloads per request, half of them of the right shape with wrong values. Every one gets an answer
 * or a typed error, nothing is thrown, nothing is written outside the places the studio was given.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { ERROR_CODES } from '../../src-main/contract/errors.ts';
import { STUDIO_REQUESTS, type RequestName } from '../../src-main/contract/studio/contract.ts';
import { quickConfig, requirePlain, StudioPlace, type StudioHarness } from './harness.ts';

const RUNS = 300;
const place = new StudioPlace();
let harness: StudioHarness;
/** Values that exist, so that some payloads reach the work behind the checks. */
let known: string[] = [];
/** Beside the studio's folders: nobody may change it. */
const bystander = join(place.folder, 'bystander');

before(async () => {
  cpSync(fileURLToPath(new URL('../fixtures/library-v1', import.meta.url)), place.libraryFolder, { recursive: true });
  mkdirSync(bystander);
  writeFileSync(join(bystander, 'secret.txt'), 'secret');
  harness = await place.start({ platform: { choose: () => Promise.resolve([bystander]), reveal: () => true } });
  const { tasks, bases } = await harness.ask('library.overview', {});
  const task = await harness.ask('task.show', { id: tasks[0]?.id ?? '' });
  const grant = await harness.studio.grants.add(join(bystander, 'secret.txt'));
  known = [task.card.id, task.card.datasetId, bases[0]?.id ?? '', ...task.runs.map(({ id }) => id), ...task.deltas.map(({ id }) => id), grant.token];
});
after(() => place.remove());

const nasty = fc.constantFrom('', '..', '../../etc/passwd', '/etc/passwd', 'C:\\Windows', '__proto__', 'constructor', '\u0000', '💥', '<script>', 'a'.repeat(5000), '‮abc', "'; DROP TABLE tasks; --");
const leaf = fc.oneof(nasty, fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.constant(undefined), fc.bigInt(), fc.constant(Number.NaN));
const anything = fc.oneof(leaf, fc.array(leaf, { maxLength: 5 }), fc.dictionary(fc.string(), leaf, { maxKeys: 5 }), fc.object({ maxDepth: 3 }), fc.constant(Object.create(null)), fc.constant(new Map([[1, 2]])));

/** Values of the shape that a schema asks for, mostly; wrong ones now and then. */
function shaped(schema: z.ZodType, json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })): fc.Arbitrary<unknown> {
  return fromJson(json as JsonSchema);
}

interface JsonSchema {
  type?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  pattern?: string;
}

function fromJson(schema: JsonSchema): fc.Arbitrary<unknown> {
  const right = rightValue(schema);
  return fc.oneof({ arbitrary: right, weight: 12 }, { arbitrary: leaf, weight: 1 });
}

function rightValue(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return fc.oneof(...options.map(fromJson));
  switch (schema.type) {
    case 'object':
      return fc.record(Object.fromEntries(Object.entries(schema.properties ?? {}).map(([key, value]) => [key, fromJson(value)])), { requiredKeys: schema.required ?? [] });
    case 'array':
      return fc.array(fromJson(schema.items ?? {}), { maxLength: 4 });
    case 'integer':
    case 'number':
      return fc.oneof(fc.integer({ min: 0, max: 3 }), fc.nat(Math.max(0, Math.min(Math.floor(schema.maximum ?? 1000), 0xffff_ffff))), fc.double({ min: 0, max: 1, noNaN: true }));
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'string':
      return fc.oneof(fc.nat(known.length - 1).map((at) => known[at] ?? ''), fc.constantFrom('abcdefgh-1', 'model.onnx'), fc.string({ minLength: 8, maxLength: 43, unit: fc.constantFrom('a', 'Z', '0', '-', '_') }), nasty);
    default:
      return leaf;
  }
}

/** What the payloads were answered with, to see that they get past the first check. */
const tally = new Map<string, number>();

function checkReply(name: string, reply: unknown): void {
  requirePlain(reply);
  const parsed = z
    .union([z.strictObject({ ok: z.literal(true), value: z.unknown() }), z.strictObject({ ok: z.literal(false), error: z.strictObject({ code: z.enum(ERROR_CODES), message: z.string().min(1), advice: z.string(), details: z.record(z.string(), z.unknown()).optional() }) })])
    .parse(reply);
  const outcome = parsed.ok ? 'ok' : parsed.error.code;
  tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
  if (!parsed.ok) assert.notEqual(parsed.error.code, 'internal', `${name}: ${parsed.error.message}`);
}

/** Each starts a process that takes seconds: the right payloads among the many are sent a few times only. */
const SLOW = new Set<RequestName>(['machine.check', 'app.report', 'base.import', 'base.importEmbedded', 'predict.pictures', 'result.judge', 'images.inspect']);

/** So that the runs that start are short. */
function withQuickConfig(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || !('config' in input) || typeof input.config !== 'object') return input;
  return { ...input, config: { ...quickConfig(), ...input.config } };
}

describe('every request', () => {
  for (const name of Object.keys(STUDIO_REQUESTS) as RequestName[]) {
    test(name, async () => {
      const schema = STUDIO_REQUESTS[name].input;
      let worked = 0;
      await fc.assert(
        fc.asyncProperty(fc.oneof(anything, fc.constant(null).chain(() => shaped(schema))), async (input) => {
          const payload: unknown = name === 'run.start' ? withQuickConfig(input) : input;
          if (SLOW.has(name) && schema.safeParse(payload).success && ++worked > 3) return;
          checkReply(name, await harness.studio.handle(name, payload));
        }),
        { numRuns: RUNS },
      );
      for (const run of await harness.ask('run.list', {}).catch(() => [])) {
        if (run.position !== null || run.stage !== 'ended') await harness.studio.handle('run.stop', { runId: run.id, keepBest: false });
      }
    });
  }
});

test('names that are no requests', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(leaf, fc.constantFrom('toString', 'constructor', '__proto__', 'hasOwnProperty', 'app.state ')), async (name) => {
      const reply = await harness.studio.handle(name, {});
      checkReply('?', reply);
      assert.equal(reply.ok, false);
    }),
  );
});

test('addresses of pictures that nobody granted lead nowhere', async () => {
  const address = fc.oneof(
    fc.string(),
    fc.tuple(fc.constantFrom('dataset', 'granted', '..', ''), nasty, fc.oneof(fc.nat(), nasty)).map(([kind, id, index]) => `/picture/${kind}/${id}/${String(index)}`),
    fc.tuple(fc.constantFrom('a', '_', '-', '9'), fc.nat(5000)).map(([letter, size]) => `/picture/granted/${letter.repeat(43)}?size=${String(size)}`),
    fc.nat().map((index) => `/picture/dataset/${known[1] ?? ''}/${String(index)}?size=96`),
  );
  await fc.assert(
    fc.asyncProperty(address, async (path) => {
      assert.equal(await harness.studio.picture(path), null);
    }),
    { numRuns: RUNS },
  );
});

test('many payloads got past the first check', () => {
  assert.ok((tally.get('ok') ?? 0) > 500 && (tally.get('not-found') ?? 0) > 100 && (tally.get('invalid-config') ?? 0) > 1000, JSON.stringify([...tally]));
});

test('nothing appeared outside the library, the exports and the settings, and nobody’s file changed', async () => {
  await harness.studio.close();
  assert.deepEqual(readdirSync(place.folder).sort(), ['bystander', 'home', ...(existsSync(join(place.folder, 'settings')) ? ['settings'] : [])]);
  for (const name of readdirSync(join(place.folder, 'home'))) assert.ok(name === 'library' || name === 'exports', name);
  assert.ok(readdirSync(bystander).includes('secret.txt'));
  const again = await place.start();
  assert.equal((await again.ask('app.state', {})).library.state, 'open');
});
