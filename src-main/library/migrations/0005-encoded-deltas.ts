/** @file Schema version 5: results that were made from other results, in smaller forms. */
import type { Migration } from './migration.ts';

export const encodedDeltas: Migration = {
  version: 5,
  title: 'smaller forms of results',
  up(db) {
    db.exec(`
      -- The result it was made from; NULL for what a run has learnt or a file brought.
      ALTER TABLE deltas ADD COLUMN derived_from TEXT REFERENCES deltas (id) ON DELETE SET NULL;
      CREATE INDEX deltas_derived ON deltas (derived_from);
      -- JSON: how its forms were chosen and what it is worth.
      ALTER TABLE deltas ADD COLUMN compression TEXT;
    `);
  },
};
