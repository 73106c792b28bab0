/** @file What a migration is. Each runs once, in one transaction, and is never changed after a release. */
import type { WritableDb } from '../database.ts';

export interface Migration {
  /** The user_version it leads to. */
  version: number;
  title: string;
  up(db: WritableDb): void;
}
