/** @file All migrations, in order. A new one is a new file and a line here. */
import { firstSchema } from './0001-first-schema.ts';
import { studioSchema } from './0002-studio.ts';
import { pathsAndSweeps } from './0003-paths-and-sweeps.ts';
import { derivedBases } from './0004-derived-bases.ts';
import { encodedDeltas } from './0005-encoded-deltas.ts';
import { sweepPlaces } from './0006-sweep-places.ts';
import { catalogue } from './0007-catalogue.ts';
import type { Migration } from './migration.ts';

export const MIGRATIONS: readonly Migration[] = [firstSchema, studioSchema, pathsAndSweeps, derivedBases, encodedDeltas, sweepPlaces, catalogue];
