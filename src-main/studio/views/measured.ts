/** @file What was measured of a stored result: of its run, of its level of a path, or of its smaller form. */
import type { DeltaRecord } from '../../contract/records.ts';
import type { TrainResult } from '../../contract/training.ts';

/** Smaller forms and levels of a path were measured by themselves. null for what was never measured here. */
export function measuredOf(result: TrainResult | null, { compression, pathLevel }: Pick<DeltaRecord, 'compression' | 'pathLevel'>): Pick<TrainResult, 'validation' | 'test'> | null {
  if (compression !== null) return { validation: compression.validationAfter, test: compression.test };
  return pathLevel === null ? result : (result?.levels?.find(({ level }) => level === pathLevel) ?? null);
}
