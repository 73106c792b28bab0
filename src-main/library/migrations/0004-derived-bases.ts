/** @file Schema version 4: bases that were learnt here know what from. */
import type { Migration } from './migration.ts';

export const derivedBases: Migration = {
  version: 4,
  title: 'lineage of derived bases',
  up(db) {
    db.exec(`
      -- JSON: which base, tasks, dataset versions, run and settings; NULL for a base read from a file.
      ALTER TABLE bases ADD COLUMN lineage TEXT;
    `);
  },
};
