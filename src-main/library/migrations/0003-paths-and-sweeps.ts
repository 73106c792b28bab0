/** @file Schema version 3: several results of one run (the levels of a path), validation accuracy beside each result, sweeps. */
import type { Migration } from './migration.ts';

export const pathsAndSweeps: Migration = {
  version: 3,
  title: 'path levels, validation accuracy, sweeps',
  up(db) {
    db.exec(`
      -- A path leaves one delta per level; NULL for every other run.
      ALTER TABLE deltas ADD COLUMN path_level INTEGER CHECK (path_level IS NULL OR path_level >= 0);
      ALTER TABLE deltas ADD COLUMN validation_accuracy REAL;
      UPDATE deltas SET validation_accuracy = (SELECT json_extract(result, '$.validation.accuracy') FROM runs WHERE runs.id = run_id);

      -- A list of independent runs that is worked off as one job. What is to be run is frozen when the sweep is made.
      CREATE TABLE sweeps (
        id TEXT NOT NULL PRIMARY KEY,
        spec TEXT NOT NULL,
        created_at INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE sweep_entries (
        sweep_id TEXT NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
        position INTEGER NOT NULL CHECK (position >= 0),
        task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
        -- JSON: the setting's name and configuration.
        entry TEXT NOT NULL,
        run_id TEXT REFERENCES runs (id) ON DELETE SET NULL,
        failure TEXT,
        PRIMARY KEY (sweep_id, position)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX sweep_entries_task ON sweep_entries (task_id);
      CREATE INDEX sweep_entries_run ON sweep_entries (run_id);
    `);
  },
};
