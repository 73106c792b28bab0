/** @file Schema version 1: bases, datasets, tasks, runs, metrics, deltas and the blobs they refer to. */
import type { Migration } from './migration.ts';

export const firstSchema: Migration = {
  version: 1,
  title: 'first schema',
  up(db) {
    db.exec(`
      -- Content-addressed files under blobs/sha256. A row without a file is damage; a file without a row is garbage.
      CREATE TABLE blobs (
        sha256 TEXT NOT NULL PRIMARY KEY CHECK (length(sha256) = 64),
        bytes INTEGER NOT NULL CHECK (bytes >= 0),
        created_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE bases (
        id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 64),
        name TEXT NOT NULL UNIQUE,
        graph_sha256 TEXT NOT NULL REFERENCES blobs (sha256),
        weights_sha256 TEXT NOT NULL REFERENCES blobs (sha256),
        preprocessing TEXT NOT NULL,
        class_names TEXT NOT NULL,
        summary TEXT NOT NULL,
        source TEXT NOT NULL,
        created_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX bases_graph ON bases (graph_sha256);
      CREATE INDEX bases_weights ON bases (weights_sha256);

      CREATE TABLE datasets (
        id TEXT NOT NULL PRIMARY KEY,
        hash TEXT NOT NULL,
        root TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        manifest TEXT NOT NULL,
        UNIQUE (hash, root)
      ) STRICT;

      CREATE TABLE tasks (
        id TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        base_id TEXT NOT NULL REFERENCES bases (id),
        dataset_id TEXT NOT NULL REFERENCES datasets (id),
        class_names TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        current_delta_id TEXT REFERENCES deltas (id) ON DELETE SET NULL
      ) STRICT;
      CREATE INDEX tasks_base ON tasks (base_id);
      CREATE INDEX tasks_dataset ON tasks (dataset_id);
      CREATE INDEX tasks_current_delta ON tasks (current_delta_id);

      CREATE TABLE runs (
        id TEXT NOT NULL PRIMARY KEY,
        task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
        method TEXT NOT NULL,
        config TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'paused', 'interrupted', 'cancelled', 'failed', 'done')),
        started_at INTEGER NOT NULL,
        finished_at INTEGER,
        failure TEXT,
        result TEXT
      ) STRICT;
      CREATE INDEX runs_task ON runs (task_id, id);
      CREATE INDEX runs_status ON runs (status);

      CREATE TABLE metrics (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        epoch INTEGER NOT NULL CHECK (epoch >= 0),
        train_loss REAL NOT NULL,
        train_accuracy REAL NOT NULL,
        validation_loss REAL NOT NULL,
        validation_accuracy REAL NOT NULL,
        open_layers INTEGER NOT NULL,
        open_bytes INTEGER NOT NULL,
        learning_rate REAL NOT NULL,
        seconds REAL NOT NULL,
        scores TEXT NOT NULL,
        PRIMARY KEY (run_id, epoch)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE deltas (
        id TEXT NOT NULL PRIMARY KEY,
        task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
        run_id TEXT REFERENCES runs (id) ON DELETE SET NULL,
        method TEXT NOT NULL,
        base_id TEXT NOT NULL REFERENCES bases (id),
        blob_sha256 TEXT NOT NULL REFERENCES blobs (sha256),
        layers TEXT NOT NULL,
        layers_open INTEGER NOT NULL,
        layers_total INTEGER NOT NULL,
        parameters INTEGER NOT NULL,
        test_accuracy REAL,
        created_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX deltas_task ON deltas (task_id, id);
      CREATE INDEX deltas_run ON deltas (run_id);
      CREATE INDEX deltas_base ON deltas (base_id);
      CREATE INDEX deltas_blob ON deltas (blob_sha256);
    `);
  },
};
