/** @file A task as the database holds it. */
import type { TaskRecord } from '../contract/records.ts';
import { fromJson } from './database.ts';

export interface TaskRow {
  id: string;
  name: string;
  base_id: string;
  dataset_id: string;
  class_names: string;
  created_at: number;
  current_delta_id: string | null;
  notes: string;
  tags: string;
}

export function recordOf(row: TaskRow): TaskRecord {
  return {
    id: row.id,
    name: row.name,
    baseId: row.base_id,
    datasetId: row.dataset_id,
    classNames: fromJson(row.class_names, 'tasks.class_names'),
    createdAt: row.created_at,
    currentDeltaId: row.current_delta_id,
    notes: row.notes,
    tags: fromJson(row.tags, 'tasks.tags'),
  };
}
