/** @file Schema version 2: notes and tags, versions of datasets, the dataset a run learnt from, documents. */
import type { Migration } from './migration.ts';

export const studioSchema: Migration = {
  version: 2,
  title: 'notes, tags, dataset versions, documents',
  up(db) {
    db.exec(`
      ALTER TABLE bases ADD COLUMN notes TEXT NOT NULL DEFAULT '';
      ALTER TABLE bases ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
      ALTER TABLE tasks ADD COLUMN notes TEXT NOT NULL DEFAULT '';
      ALTER TABLE tasks ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';

      -- The version it was made from by relabelling or leaving out pictures.
      ALTER TABLE datasets ADD COLUMN parent_id TEXT REFERENCES datasets (id) ON DELETE SET NULL;
      CREATE INDEX datasets_parent ON datasets (parent_id);

      -- A task's dataset may change; a run keeps the one it learnt from. Until now there was only one per task.
      ALTER TABLE runs ADD COLUMN dataset_id TEXT REFERENCES datasets (id) ON DELETE SET NULL;
      UPDATE runs SET dataset_id = (SELECT dataset_id FROM tasks WHERE tasks.id = task_id);
      CREATE INDEX runs_dataset ON runs (dataset_id);

      -- What the studio remembers beside the aggregates, by key: drafts, the list of exports.
      CREATE TABLE documents (
        key TEXT NOT NULL PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 200),
        value TEXT NOT NULL,
        updated_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `);
  },
};
