/** @file Nonsense through the one door: a coded answer to everything, nothing changed, main as quick as before. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { STUDIO_REQUESTS } from '../../src-main/contract/studio/contract.ts';
import { plainSize } from '../../src-main/electron/plain-size.ts';
import { prepareRuntime } from './runtime.ts';
import { makeHome, startStudio, type BridgeWindow, type Home, type StudioApp } from './studio-app.ts';

const runtime = await prepareRuntime();
const skip = typeof runtime === 'string' ? runtime : false;
let home: Home;
let studio: StudioApp;

before(async () => {
  if (typeof runtime === 'string') return;
  home = makeHome(runtime);
  studio = await startStudio(runtime, home);
});
after(async () => {
  if (typeof runtime === 'string') return;
  await studio.app.close();
  home.remove();
});

interface Answer {
  ok: boolean;
  error?: { code?: unknown; message?: unknown };
}

/** Everything is sent at once; a rejected call (a value that cannot be cloned) never reached main. */
function send(calls: readonly (readonly [unknown, unknown])[]): Promise<(Answer | string)[]> {
  return studio.page.evaluate(
    (all) => Promise.all(all.map(([name, input]) => (window as unknown as BridgeWindow).tapsStudio.request(name, input).catch((error: unknown) => `rejected: ${String(error)}`))),
    calls,
  );
}

function assertRefused(answers: readonly (Answer | string)[], calls: readonly (readonly [unknown, unknown])[]): void {
  for (const [index, answer] of answers.entries()) {
    assert.ok(typeof answer === 'object', `${JSON.stringify(calls[index])}: ${JSON.stringify(answer)}`);
    assert.equal(answer.ok, false, JSON.stringify(calls[index]));
    const { code, message } = answer.error ?? {};
    assert.equal(typeof code, 'string');
    assert.equal(typeof message, 'string');
    assert.notEqual(code, 'internal', `${JSON.stringify(calls[index])}: ${String(message)}`);
  }
}

const NAMES = Object.keys(STUDIO_REQUESTS);
const PATHS = ['/etc/passwd', '../../../etc/passwd', 'C:\\Windows', '\\\\server\\share', 'file:///etc/passwd', 'x\0y', '\u202Egnp.exe', ''];
const KEYS = ['id', 'taskId', 'runId', 'file', 'folder', 'token', 'operationId', 'name', 'purpose', 'changes', '__proto__', 'constructor', 'x'];
const leaf = fc.oneof(fc.constantFrom(...PATHS), fc.string(), fc.double(), fc.integer(), fc.boolean(), fc.constant(null));
/** Always with a key that no request has, so that nothing is accepted by chance. */
const nearInput = fc.dictionary(fc.constantFrom(...KEYS), fc.oneof(leaf, fc.array(leaf, { maxLength: 5 }), fc.dictionary(fc.constantFrom(...KEYS), leaf)), { maxKeys: 5 }).map((input) => ({ ...input, notAsked: 1 }));

test('1000 payloads near the schemas and far from them', { skip }, async () => {
  const contents = async (): Promise<unknown> => {
    const { bases, tasks, totals } = await studio.ask('library.overview', {});
    return { bases, tasks, bytes: totals.bytes, settings: (await studio.ask('app.state', {})).settings };
  };
  const before = await contents();
  const name = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...NAMES) }, { weight: 1, arbitrary: fc.oneof(fc.constantFrom('__proto__', 'constructor', 'toString', 'app.state ', 'APP.STATE'), fc.string(), fc.integer(), fc.constant(null)) });
  const input = fc.oneof({ weight: 3, arbitrary: nearInput }, { weight: 1, arbitrary: fc.oneof(leaf, fc.array(leaf)) });
  const calls = fc.sample(fc.tuple(name, input), { numRuns: 1000, seed: 7 });
  assertRefused(await send(calls), calls);
  assert.deepEqual(await contents(), before);
});

test('what only a page can make: buffers, cycles, depth, size, sparse arrays, prototypes', { skip }, async () => {
  const answers = await studio.page.evaluate(async () => {
    const { request } = (window as unknown as BridgeWindow).tapsStudio;
    const deep = (levels: number): unknown => {
      let value: unknown = 1;
      for (let level = 0; level < levels; level++) value = { value };
      return value;
    };
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const wide: unknown[] = [];
    for (let level = 0; level < 50; level++) wide[0] = [wide[0], wide[0]];
    const sparse: unknown[] = [];
    sparse.length = 1e6;
    const inputs: unknown[] = [new Float64Array(1e6), new Uint8Array(64 * 2 ** 20), new ArrayBuffer(8), new Map([['id', 1]]), new Set([1]), new Date(), /x/u, new Error('x'), 10n, cycle, wide, sparse, deep(500), deep(10_000), 'x'.repeat(64 * 2 ** 20), { name: 'x'.repeat(2 ** 25) }, Array.from({ length: 3e5 }, () => ({ path: '/etc/passwd' })), JSON.parse('{"__proto__":{"id":"x"}}'), undefined, NaN];
    const said: string[] = [];
    for (const input of inputs) {
      said.push(
        // The bridge itself throws at what is too deep for it.
        await Promise.resolve().then(() => request('task.show', input)).then(
          (reply) => (reply.ok ? 'accepted' : reply.error.code),
          () => 'not sent',
        ),
      );
    }
    return said;
  });
  for (const [index, answer] of answers.entries()) assert.match(answer, /^(usage|invalid-config|not sent)$/u, `payload ${String(index)}`);
  assert.ok(answers.filter((answer) => answer !== 'not sent').length >= 15, answers.join(' '));
});

test('thousands of calls at once are all answered, and the door holds after it', { skip }, async () => {
  const answers = await send(Array.from({ length: 5000 }, (_, index) => (index % 2 === 0 ? (['app.state', {}] as const) : (['run.show', { runId: `x${String(index)}` }] as const))));
  assert.equal(answers.length, 5000);
  assert.ok(answers.every((answer, index) => typeof answer === 'object' && answer.ok === (index % 2 === 0)));
});

test('paths and odd values as dropped files are refused', { skip }, async () => {
  const said = await studio.page.evaluate(async (paths) => {
    const { grantFiles } = (window as unknown as BridgeWindow).tapsStudio;
    const values: unknown[] = [paths, [paths], null, {}, [null], [{ path: '/etc/passwd' }], 'x'];
    return Promise.all(values.map((value) => Promise.resolve().then(() => grantFiles(value as File[])).then((reply) => (reply.ok ? 'granted' : reply.error.code), () => 'threw')));
  }, PATHS);
  assert.ok(said.every((word) => word === 'threw' || word === 'usage'), said.join(' '));
});

test('nothing of this was an unexpected failure', { skip }, () => {
  const log = readFileSync(join(home.folder, 'config', 'TAPS Studio', 'logs', 'main.log'), 'utf8');
  assert.match(log, /TAPS Studio \d/u);
  assert.doesNotMatch(log, /Unexpected failure/u);
});

test('plainSize counts like JSON, stops at the limit, refuses what is not plain', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      const length = JSON.stringify(value).length;
      assert.equal(plainSize(value, length * 4 + 10), 'plain');
      // A number counts as five characters, an escaped one in a string as one of six: never off by more than that.
      assert.equal(plainSize(value, length / 7), 'too-large');
    }),
  );
  assert.equal(plainSize('x'.repeat(100), 50), 'too-large');
  const cycle: unknown[] = [];
  cycle.push(cycle);
  assert.equal(plainSize(cycle, 1e6), 'not-plain');
  for (const odd of [new Uint8Array(1), new Map(), new Date(), () => 1, 1n, Symbol('x')]) assert.equal(plainSize([odd], 1e6), 'not-plain');
});
