/**
 * @file A library of many tasks, made in seconds: rows written by the library's own statements in one transaction, files written plainly.
 * For measuring lists; no measuring here.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DatasetManifest } from '../../src-main/contract/dataset.ts';
import type { LayerState, TrainResult } from '../../src-main/contract/training.ts';
import { METHODS, trainConfigSchema } from '../../src-main/contract/training.ts';
import { openSqlite } from '../../src-main/library/database.ts';
import { insertDataset } from '../../src-main/library/datasets.ts';
import { insertDelta } from '../../src-main/library/deltas.ts';
import { newId } from '../../src-main/library/ids.ts';
import { openLibrary } from '../../src-main/library/library.ts';
import { insertTask } from '../../src-main/library/tasks.ts';
import { sha256OfBytes } from '../../src-main/platform/hash.ts';
import { sampleBase, sampleManifest } from '../library/sample-library.ts';

export interface LibrarySize {
  tasks: number;
  /** Results, each of a run, per task. */
  results: number;
  /** Classes per task. */
  classes: number;
}

/** As in a ResNet-50. */
const LAYERS = 53;
const SYLLABLES = ['ka', 'lo', 'mi', 'ru', 'ten', 'vo', 'shi', 'pra', 'ne', 'gu', 'da', 'fel', 'or', 'ip', 'zan', 'que'];
const SUBJECTS = ['flowers', 'birds', 'cells', 'parts', 'leaves', 'screws', 'Straßenschilder', 'café signs', 'stars', 'maps'];

/** A word of its own for every number. */
function wordOf(number: number): string {
  let word = '';
  for (let rest = number + 17; rest > 0; rest = Math.floor(rest / SYLLABLES.length)) word += SYLLABLES[rest % SYLLABLES.length] ?? '';
  return word;
}

/** Fills an empty folder. */
export async function generateLibrary(folder: string, { tasks, results, classes }: LibrarySize): Promise<void> {
  const layers: LayerState[] = Array.from({ length: LAYERS }, (_, index) => ({ name: `layer${String(index)}.weight`, parameters: 400_000, score: Math.fround(index % 5 === 0 ? 0.3 : 0.01), open: index % 5 === 0 }));
  const library = openLibrary(folder, { create: true });
  const sample = sampleBase('resnet50');
  const base = await library.bases.add({ ...sample, summary: { ...sample.summary, layers: layers.map(({ name, parameters }) => ({ name, parameters })) } });
  library.close();
  const db = openSqlite(join(folder, 'library.db'), { readOnly: false, mustExist: true });
  const start = Date.now() - tasks * 1000;
  db.transaction(() => {
    for (let number = 0; number < tasks; number++) {
      const classNames = Array.from({ length: classes }, (_, label) => wordOf((number * 31 + label * 7) % 4000));
      const manifest: DatasetManifest = { ...sampleManifest(number.toString(16).padStart(64, '0'), `/pictures/${String(number)}`), classes: classNames };
      const dataset = { id: newId(), parentId: null, manifest, createdAt: start + number * 1000 };
      insertDataset(db, dataset);
      const subject = SUBJECTS[number % SUBJECTS.length] ?? '';
      const task = { id: newId(), name: `${subject} ${String(number + 1)}`, baseId: base.id, datasetId: dataset.id, classNames, createdAt: dataset.createdAt, currentDeltaId: null, notes: number % 3 === 0 ? `from ${wordOf(number * 5)}` : '', tags: number % 4 === 0 ? ['field', wordOf(number % 40)] : [] };
      insertTask(db, task);
      let shown = '';
      for (let result = 0; result < results; result++) {
        const method = METHODS[result % METHODS.length] ?? 'taps';
        const runId = newId();
        const accuracy = 0.5 + ((number * 13 + result * 29) % 450) / 1000;
        const measured = { images: 1, loss: 1, accuracy, confusion: [[1]] };
        const outcome: TrainResult = { epochs: [], bestEpoch: 0, validation: measured, test: measured, seconds: 60 + (number % 100), engine: 'generated' };
        db.run(
          "INSERT INTO runs (id, task_id, dataset_id, method, config, status, started_at, finished_at, result) VALUES (?, ?, ?, ?, ?, 'done', ?, ?, ?)",
          runId, task.id, dataset.id, method, JSON.stringify(trainConfigSchema.parse({ method })), task.createdAt, task.createdAt + 500, JSON.stringify(outcome),
        );
        const bytes = Buffer.from(`result ${String(result)} of task ${String(number)} ${'.'.repeat((number * 7) % 200)}`);
        const sha256 = sha256OfBytes(bytes);
        const path = join(folder, 'blobs', 'sha256', sha256.slice(0, 2), sha256);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, bytes);
        shown = newId();
        insertDelta(db, {
          id: shown, taskId: task.id, runId, method, baseId: base.id, blob: { sha256, bytes: bytes.length }, layers, layersOpen: 11, layersTotal: LAYERS, parameters: 1000,
          testAccuracy: accuracy, validationAccuracy: accuracy, pathLevel: null, derivedFrom: null, compression: null, createdAt: task.createdAt + 500,
        });
      }
      if (shown !== '') db.run('UPDATE tasks SET current_delta_id = ? WHERE id = ?', shown, task.id);
    }
  });
  db.close();
}
