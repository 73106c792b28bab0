/** @file Schema version 7: what lists of thousands of tasks are made from: searched text, order of names, sizes of datasets. */
import type { DatasetManifest } from '../../contract/dataset.ts';
import { orderKey } from '../../core/search-words.ts';
import { fromJson } from '../database.ts';
import { summaryOf } from '../dataset-summary.ts';
import { writeText } from '../task-texts.ts';
import type { Migration } from './migration.ts';

export const catalogue: Migration = {
  version: 7,
  title: 'lists and search of many tasks',
  up(db) {
    db.exec(`
      -- core/search-words orderKey of the name: sorts as a person expects.
      ALTER TABLE tasks ADD COLUMN sort_name TEXT NOT NULL DEFAULT '';
      -- Number of class_names.
      ALTER TABLE tasks ADD COLUMN classes INTEGER NOT NULL DEFAULT 0;
      UPDATE tasks SET classes = json_array_length(class_names);
      CREATE INDEX tasks_sort_name ON tasks (sort_name, id);
      CREATE INDEX tasks_newest ON tasks (created_at DESC, sort_name, id);

      -- Lists need four short columns of a delta; the row has its layers in between, several pages of text.
      CREATE INDEX deltas_figures ON deltas (id, run_id, test_accuracy, blob_sha256);
      CREATE INDEX deltas_files ON deltas (task_id, blob_sha256);

      -- Pictures of the manifest, and JSON: places of a few of them to show it by.
      ALTER TABLE datasets ADD COLUMN images INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE datasets ADD COLUMN covers TEXT NOT NULL DEFAULT '[]';

      -- Folded text that a task is found by. A table of its own: its row numbers stay, which a copy of the database may change for tasks.
      CREATE TABLE task_texts (
        id INTEGER PRIMARY KEY,
        task_id TEXT NOT NULL UNIQUE REFERENCES tasks (id) ON DELETE CASCADE,
        search TEXT NOT NULL
      ) STRICT;
      CREATE VIRTUAL TABLE task_search USING fts5 (search, content = 'task_texts', content_rowid = 'id', tokenize = 'trigram case_sensitive 1');
      CREATE TRIGGER task_texts_insert AFTER INSERT ON task_texts BEGIN
        INSERT INTO task_search (rowid, search) VALUES (new.id, new.search);
      END;
      CREATE TRIGGER task_texts_delete AFTER DELETE ON task_texts BEGIN
        INSERT INTO task_search (task_search, rowid, search) VALUES ('delete', old.id, old.search);
      END;
      CREATE TRIGGER task_texts_update AFTER UPDATE ON task_texts BEGIN
        INSERT INTO task_search (task_search, rowid, search) VALUES ('delete', old.id, old.search);
        INSERT INTO task_search (rowid, search) VALUES (new.id, new.search);
      END;
    `);
    for (const { id, name, notes, tags, class_names: classNames } of db.all<{ id: string; name: string; notes: string; tags: string; class_names: string }>('SELECT id, name, notes, tags, class_names FROM tasks')) {
      db.run('UPDATE tasks SET sort_name = ? WHERE id = ?', orderKey(name), id);
      writeText(db, id, { name, notes, tags: fromJson(tags, 'tasks.tags'), classNames: fromJson(classNames, 'tasks.class_names') });
    }
    // One at a time: a manifest takes megabytes.
    for (const { id } of db.all<{ id: string }>('SELECT id FROM datasets')) {
      const row = db.get<{ manifest: string }>('SELECT manifest FROM datasets WHERE id = ?', id);
      const { images, coverIndices } = summaryOf(fromJson<DatasetManifest>(row?.manifest ?? '', 'datasets.manifest'));
      db.run('UPDATE datasets SET images = ?, covers = ? WHERE id = ?', images, JSON.stringify(coverIndices), id);
    }
  },
};
