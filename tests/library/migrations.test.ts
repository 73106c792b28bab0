/** @file Opening databases of every kind: new, of each released version, newer, foreign, damaged; and failing migrations. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import { jointConfigSchema, type BaseLineage } from '../../src-main/contract/joint.ts';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { openSqlite, type WritableDb } from '../../src-main/library/database.ts';
import { openLibrary } from '../../src-main/library/library.ts';
import { APPLICATION_ID } from '../../src-main/library/migrate.ts';
import { MIGRATIONS } from '../../src-main/library/migrations/index.ts';
import type { Migration } from '../../src-main/library/migrations/migration.ts';
import { openForReading, openForWriting } from '../../src-main/library/open-database.ts';
import { sampleArtifact, sampleBase, sampleBaseId, temporaryFolder } from './sample-library.ts';

const coded = (code: ErrorCode, pattern = /./) => (error: unknown): boolean => error instanceof TapsError && error.code === code && pattern.test(`${error.message} ${error.advice}`);

/** A copy of the library that version 1 of the schema left behind. */
function fixtureV1(t: TestContext): string {
  const folder = join(temporaryFolder(t), 'library');
  cpSync(fileURLToPath(new URL('../fixtures/library-v1', import.meta.url)), folder, { recursive: true });
  return folder;
}

function versionOf(path: string): unknown {
  const db = openSqlite(path, { readOnly: true, mustExist: true });
  try {
    return db.pragma('user_version');
  } finally {
    db.close();
  }
}

test('migrations are numbered upwards without gaps', () => {
  assert.deepEqual(MIGRATIONS.map(({ version }) => version), MIGRATIONS.map((_, index) => index + 1));
});

test('a library of version 1 opens with all it held', async (t) => {
  using library = openLibrary(fixtureV1(t));
  assert.equal((await library.verify()).ok, true);
  assert.deepEqual(library.bases.list().map(({ id, name }) => [id, name]), [[sampleBaseId(), 'tiny']]);
  const task = library.tasks.get('animals');
  assert.deepEqual(library.runs.list(task.id).map(({ status, config, metrics }) => [status, config.method, metrics.length]), [['done', 'taps', 1], ['interrupted', 'norm-head', 0]]);
  const [delta] = library.deltas.list(task.id);
  assert.ok(delta);
  assert.equal(task.currentDeltaId, delta.id);
  assert.deepEqual(await library.deltas.read(delta), sampleArtifact());
});

test('the promised settings are in force', (t) => {
  const path = join(temporaryFolder(t), 'library.db');
  const db = openForWriting(path, MIGRATIONS);
  t.after(() => { db.close(); });
  assert.deepEqual(
    ['journal_mode', 'synchronous', 'foreign_keys', 'trusted_schema', 'cell_size_check'].map((name) => db.pragma(name)),
    ['wal', 2, 1, 0, 1],
  );
  // DEFENSIVE: the schema table cannot be written to, whatever the pragma says.
  db.pragma('writable_schema = ON');
  db.exec('CREATE TABLE kept (a INTEGER) STRICT');
  assert.throws(() => db.run("DELETE FROM sqlite_schema WHERE name = 'kept'"), /may not be modified/);
});

const NEWEST = MIGRATIONS.length;

/** What version 2 added stands empty where there was nothing, and is filled in where version 1 implied it. */
test('version 1 becomes version 2: notes, tags, versions of datasets, the dataset of each run, documents', (t) => {
  const folder = fixtureV1(t);
  using library = openLibrary(folder);
  assert.equal(versionOf(join(folder, 'library.db')), NEWEST);
  assert.equal(versionOf(join(folder, 'backups', 'library-v1.db')), 1);
  const task = library.tasks.get('animals');
  assert.deepEqual([task.notes, task.tags], ['', []]);
  assert.deepEqual(library.bases.list().map(({ notes, tags }) => [notes, tags]), [['', []]]);
  assert.deepEqual(library.runs.list(task.id).map(({ datasetId }) => datasetId), [task.datasetId, task.datasetId]);
  assert.equal(library.datasets.get(task.datasetId).parentId, null);
  assert.equal(library.documents.get('draft'), null);
});


test('version 2 becomes version 3: results know their validation accuracy, no sweeps yet', async (t) => {
  const folder = fixtureV1(t);
  const path = join(folder, 'library.db');
  const old = openLibrary(folder, { migrations: MIGRATIONS.slice(0, 2) });
  const measured = { images: 4, loss: 1, accuracy: 0.625, confusion: [[4]] };
  const [run] = old.runs.list(old.tasks.get('animals').id);
  assert.ok(run);
  old.runs.finish(run.id, { epochs: [], bestEpoch: 0, validation: measured, test: measured, seconds: 1, engine: 'test' });
  old.close();
  assert.equal(versionOf(path), 2);
  using library = openLibrary(folder);
  const [delta] = library.deltas.list(library.tasks.get('animals').id);
  assert.deepEqual([delta?.validationAccuracy, delta?.pathLevel], [0.625, null]);
  assert.deepEqual(library.sweeps.list(), []);
  assert.equal((await library.verify()).ok, true);
});

test('version 3 becomes version 4: bases know what they were learnt from', async (t) => {
  const folder = fixtureV1(t);
  openLibrary(folder, { migrations: MIGRATIONS.slice(0, 3) }).close();
  assert.equal(versionOf(join(folder, 'library.db')), 3);
  using library = openLibrary(folder);
  const [base] = library.bases.list();
  assert.ok(base !== undefined && !('lineage' in base));
  const lineage: BaseLineage = {
    kind: 'joint', fromBaseId: base.id, fromBaseName: base.name, runId: 'r', config: jointConfigSchema.parse({ train: trainConfigSchema.parse({ method: 'taps' }) }),
    tasks: [{ taskId: 't', name: 'animals', datasetId: 'd', datasetHash: 'a'.repeat(64) }],
  };
  const derived = await library.bases.add({ ...sampleBase('derived', 5), lineage });
  assert.deepEqual(derived.lineage, lineage);
  assert.deepEqual(library.bases.get('derived').lineage, lineage);
  assert.equal((await library.verify()).ok, true);
});

test('version 4 becomes version 5: every result is one that was learnt', async (t) => {
  const folder = fixtureV1(t);
  openLibrary(folder, { migrations: MIGRATIONS.slice(0, 4) }).close();
  assert.equal(versionOf(join(folder, 'library.db')), 4);
  using library = openLibrary(folder);
  const [delta] = library.deltas.list(library.tasks.get('animals').id);
  assert.deepEqual([delta?.derivedFrom, delta?.compression], [null, null]);
  assert.equal((await library.verify()).ok, true);
});

test('version 5 becomes version 6: sweeps are worked off here', async (t) => {
  const folder = fixtureV1(t);
  const old = openLibrary(folder, { migrations: MIGRATIONS.slice(0, 5) });
  const task = old.tasks.get('animals');
  old.close();
  const before = openSqlite(join(folder, 'library.db'), { readOnly: false, mustExist: true });
  before.run("INSERT INTO sweeps (id, spec, created_at) VALUES ('s', ?, 1)", JSON.stringify({ title: 'old' }));
  before.run("INSERT INTO sweep_entries (sweep_id, position, task_id, entry) VALUES ('s', 0, ?, ?)", task.id, JSON.stringify({ setting: 'taps', config: trainConfigSchema.parse({ method: 'taps' }) }));
  before.close();
  assert.equal(versionOf(join(folder, 'library.db')), 5);
  using library = openLibrary(folder);
  assert.deepEqual(library.sweeps.list().map(({ title, place, entries }) => [title, place, entries.length]), [['old', null, 1]]);
  assert.equal((await library.verify()).ok, true);
});

test('version 6 becomes version 7: tasks are found, sorted and counted', async (t) => {
  const folder = fixtureV1(t);
  const old = openSqlite(join(folder, 'library.db'), { readOnly: false, mustExist: true });
  const { id } = old.get<{ id: string }>('SELECT id FROM tasks') ?? { id: '' };
  old.run("UPDATE tasks SET name = 'Täsk 10' WHERE id = ?", id);
  old.run("INSERT INTO tasks (id, name, base_id, dataset_id, class_names, created_at) SELECT 'second', 'täsk 9', base_id, dataset_id, '[\"Übung\"]', created_at + 1 FROM tasks WHERE id = ?", id);
  old.close();
  openLibrary(folder, { migrations: MIGRATIONS.slice(0, 6) }).close();
  assert.equal(versionOf(join(folder, 'library.db')), 6);
  using library = openLibrary(folder);
  const { images, classes } = library.datasets.get(library.tasks.get('second').datasetId).manifest;
  const page = library.tasks.page({ sort: 'name' });
  assert.deepEqual(page.tasks.map(({ name }) => name), ['täsk 9', 'Täsk 10']);
  assert.deepEqual(page.tasks.map((task) => [task.images, task.coverIndices.length > 0]), [[images.length, true], [images.length, true]]);
  assert.equal(page.tasks[1]?.results, 1);
  assert.deepEqual(library.tasks.page({ text: 'ubung' }).tasks.map((task) => task.id), ['second']);
  assert.equal(library.tasks.totals()[0]?.classes, classes.length, 'of the learnt task alone');
  assert.equal((await library.verify()).ok, true);
  await library.tasks.remove('second');
  assert.deepEqual(library.tasks.page({ text: 'ubung' }).tasks, []);
});

/** A migration after the newest one that stops after `steps` of its three statements. */
function nextMigration(steps: number, version = NEWEST + 1): Migration {
  return {
    version,
    title: 'test',
    up(db: WritableDb) {
      const statements = ['ALTER TABLE tasks ADD COLUMN note TEXT', "UPDATE tasks SET note = 'moved'", 'DROP INDEX runs_status'];
      for (const statement of statements.slice(0, steps)) db.exec(statement);
      if (steps < statements.length) throw new Error(`stopped after ${String(steps)}`);
    },
  };
}

test('a migration that stops anywhere leaves the version before it and a backup; the next attempt succeeds', async (t) => {
  for (const steps of [0, 1, 2]) {
    const folder = fixtureV1(t);
    const path = join(folder, 'library.db');
    assert.throws(() => openLibrary(folder, { migrations: [...MIGRATIONS, nextMigration(steps)] }));
    assert.equal(versionOf(path), NEWEST);
    assert.equal(versionOf(join(folder, 'backups', 'library-v1.db')), 1);
    {
      using old = openLibrary(folder);
      assert.equal((await old.verify()).ok, true);
    }
    using migrated = openLibrary(folder, { migrations: [...MIGRATIONS, nextMigration(3)] });
    assert.equal((await migrated.verify()).ok, true);
    assert.equal(versionOf(path), NEWEST + 1);
    assert.equal(versionOf(join(folder, 'backups', `library-v${String(NEWEST)}.db`)), NEWEST);
    // The backup is a whole library of the old version.
    migrated.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    cpSync(join(folder, 'backups', 'library-v1.db'), path);
    using restored = openLibrary(folder);
    assert.equal((await restored.verify()).ok, true);
  }
});

test('every released migration that stops at its end leaves the version before it untouched', async (t) => {
  for (const migration of MIGRATIONS.slice(1)) {
    const folder = fixtureV1(t);
    const path = join(folder, 'library.db');
    const stopping: Migration = {
      ...migration,
      up(db) {
        migration.up(db);
        throw new Error('stopped at the end');
      },
    };
    assert.throws(() => openLibrary(folder, { migrations: [...MIGRATIONS.slice(0, migration.version - 1), stopping] }), /stopped at the end/);
    assert.equal(versionOf(path), migration.version - 1);
    using library = openLibrary(folder);
    assert.equal((await library.verify()).ok, true);
  }
});

test('without a backup there is no migration; a new library needs none', (t) => {
  const folder = fixtureV1(t);
  writeFileSync(join(folder, 'backups'), 'in the way');
  assert.throws(() => openLibrary(folder, { migrations: [...MIGRATIONS, nextMigration(3)] }), coded('io-failed', /back up/));
  assert.equal(versionOf(join(folder, 'library.db')), 1);
  const fresh = join(temporaryFolder(t), 'fresh');
  openLibrary(fresh, { create: true }).close();
  assert.equal(existsSync(join(fresh, 'backups')), false);
});

test('a newer library is refused and not touched', (t) => {
  const folder = fixtureV1(t);
  const path = join(folder, 'library.db');
  openLibrary(folder, { migrations: [...MIGRATIONS, nextMigration(3)] }).close();
  const before = readFileSync(path);
  assert.throws(() => openLibrary(folder), coded('library-too-new', new RegExp(`version ${String(NEWEST + 1)}.*up to ${String(NEWEST)}.*Update`)));
  assert.throws(() => openLibrary(folder, { readOnly: true }), coded('library-too-new'));
  assert.deepEqual(readFileSync(path), before);
});

test('a reader does not migrate', (t) => {
  const folder = fixtureV1(t);
  assert.throws(() => openForReading(join(folder, 'library.db'), [...MIGRATIONS, nextMigration(3)]), coded('usage', /version 1/));
  assert.equal(versionOf(join(folder, 'library.db')), 1);
});

test('a database of another program is refused and not touched', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'library.db');
  for (const [applicationId, version] of [[0, 3], [1234, 1], [APPLICATION_ID, 0], [APPLICATION_ID, -5]]) {
    const db = openSqlite(path, { readOnly: false, mustExist: false });
    db.exec(`CREATE TABLE IF NOT EXISTS theirs (a INTEGER); PRAGMA application_id = ${String(applicationId)}; PRAGMA user_version = ${String(version)};`);
    db.close();
    const before = readFileSync(path);
    assert.throws(() => openLibrary(folder), coded('library-damaged', /not a library/));
    assert.deepEqual(readFileSync(path), before);
  }
});

test('a file that is no database is refused and not touched', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'library.db');
  writeFileSync(path, 'not a database, but longer than the hundred bytes of a header '.repeat(20));
  const before = readFileSync(path);
  assert.throws(() => openLibrary(folder), coded('library-damaged'));
  assert.deepEqual(readFileSync(path), before);
});

test('damaged pages are refused or found by verify, never a crash', async (t) => {
  const original = fixtureV1(t);
  const bytes = readFileSync(join(original, 'library.db'));
  const folder = join(temporaryFolder(t), 'library');
  cpSync(original, folder, { recursive: true });
  const pageBytes = bytes.readUInt16BE(16);
  const outcomes = new Set<string>();
  for (let page = 0; page < bytes.length / pageBytes; page++) {
    const damaged = Uint8Array.from(bytes);
    damaged.fill(0, page * pageBytes, (page + 1) * pageBytes);
    for (const suffix of ['-wal', '-shm']) rmSync(join(folder, `library.db${suffix}`), { force: true });
    writeFileSync(join(folder, 'library.db'), damaged);
    try {
      using library = openLibrary(folder);
      const { ok } = await library.verify();
      outcomes.add(ok ? `page ${String(page)} unnoticed` : 'found by verify');
    } catch (error) {
      assert.ok(error instanceof TapsError, String(error));
      assert.equal(error.code, 'library-damaged', error.message);
      outcomes.add('refused');
    }
  }
  assert.deepEqual([...outcomes].filter((outcome) => outcome.endsWith('unnoticed')), []);
});

test('lists and look-ups use indices', (t) => {
  const folder = fixtureV1(t);
  openLibrary(folder).close();
  const db = openForReading(join(folder, 'library.db'), MIGRATIONS);
  t.after(() => { db.close(); });
  for (const query of [
    'SELECT * FROM tasks WHERE name = ?',
    'SELECT id FROM tasks ORDER BY sort_name, id LIMIT 60',
    'SELECT id FROM tasks ORDER BY created_at DESC, sort_name, id LIMIT 60',
    'SELECT search FROM task_texts WHERE task_id = ?',
    'SELECT id, name FROM tasks WHERE base_id = ? ORDER BY sort_name, id',
    'SELECT task_id, count(*) FROM deltas GROUP BY task_id',
    'SELECT * FROM deltas WHERE base_id = ? ORDER BY id LIMIT 1',
    'SELECT * FROM tasks ORDER BY name',
    'SELECT name FROM tasks WHERE base_id = ? ORDER BY name',
    'SELECT * FROM runs WHERE task_id = ? ORDER BY id',
    'SELECT * FROM deltas WHERE task_id = ? ORDER BY id',
    'SELECT * FROM metrics WHERE run_id = ? ORDER BY epoch',
    'SELECT * FROM datasets WHERE hash = ? AND root = ?',
    'SELECT 1 FROM deltas WHERE blob_sha256 = ?',
    'SELECT 1 FROM runs WHERE dataset_id = ?',
    'SELECT 1 FROM datasets WHERE parent_id = ?',
    'SELECT value FROM documents WHERE key = ?',
    'SELECT 1 FROM sweep_entries WHERE task_id = ?',
    'SELECT 1 FROM sweep_entries WHERE run_id = ?',
    'SELECT * FROM sweep_entries WHERE sweep_id = ? ORDER BY position',
  ]) {
    const plan = db.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`, ...query.split('?').slice(1).map(() => '')).map(({ detail }) => detail).join('; ');
    assert.match(plan, /USING (COVERING )?(INDEX|PRIMARY KEY)/, `${query}: ${plan}`);
  }
});
