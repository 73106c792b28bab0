/** @file Schema version 6: sweeps that are worked off by other machines know where. */
import type { Migration } from './migration.ts';

export const sweepPlaces: Migration = {
  version: 6,
  title: 'where a sweep is worked off',
  up(db) {
    db.exec(`
      -- JSON: contract/sweep SweepPlace; NULL for a sweep that this machine works off. Its waiting runs outlive the program.
      ALTER TABLE sweeps ADD COLUMN place TEXT;
    `);
  },
};
