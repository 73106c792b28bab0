/** @file Metrics: one row per epoch of a run. */
import { TapsError } from '../contract/errors.ts';
import type { EpochMetrics } from '../contract/training.ts';
import { fromJson, type ReadableDb, type WritableDb } from './database.ts';

interface MetricsRow {
  run_id: string;
  epoch: number;
  train_loss: number;
  train_accuracy: number;
  validation_loss: number;
  validation_accuracy: number;
  open_layers: number;
  open_bytes: number;
  learning_rate: number;
  seconds: number;
  scores: string;
}

function metricsOf(row: MetricsRow): EpochMetrics {
  return {
    epoch: row.epoch,
    trainLoss: row.train_loss,
    trainAccuracy: row.train_accuracy,
    validationLoss: row.validation_loss,
    validationAccuracy: row.validation_accuracy,
    openLayers: row.open_layers,
    openBytes: row.open_bytes,
    learningRate: row.learning_rate,
    seconds: row.seconds,
    scores: fromJson(row.scores, 'metrics.scores'),
  };
}

/**
 * Adds an epoch; one that a resumed run repeats replaces the earlier row.
 * @throws TapsError `non-finite`: SQLite would store NaN as NULL
 */
export function insertMetrics(db: WritableDb, runId: string, metrics: EpochMetrics): void {
  const { epoch, trainLoss, trainAccuracy, validationLoss, validationAccuracy, openLayers, openBytes, learningRate, seconds, scores } = metrics;
  const values = [epoch, trainLoss, trainAccuracy, validationLoss, validationAccuracy, openLayers, openBytes, learningRate, seconds];
  const wrong = [...values, ...scores].find((value) => !Number.isFinite(value));
  if (wrong !== undefined) throw new TapsError('non-finite', `Epoch ${String(epoch)} reports the value ${String(wrong)}.`, 'Train again with a smaller learning rate.');
  db.run('INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', runId, ...values, JSON.stringify(scores));
}

/** Metrics of the runs that the SQL condition on `runs` selects, in order of epochs, by run. */
export function metricsByRun(db: ReadableDb, condition: 'task_id = ?' | 'id = ?', value: string): Map<string, EpochMetrics[]> {
  const byRun = new Map<string, EpochMetrics[]>();
  const rows = db.all<MetricsRow>(`SELECT metrics.* FROM runs JOIN metrics ON run_id = runs.id WHERE runs.${condition} ORDER BY run_id, epoch`, value);
  for (const row of rows) {
    const list = byRun.get(row.run_id) ?? [];
    list.push(metricsOf(row));
    byRun.set(row.run_id, list);
  }
  return byRun;
}
