/** @file One run with its epochs and the layers whose scores they hold. */
import { lambdaOfLevel, levelsOf } from '../../contract/budget.ts';
import type { EpochMetrics, TrainConfig } from '../../contract/training.ts';
import type { LevelView, RunDetail } from '../../contract/studio/runs.ts';
import { fewestPathEpochs, levelEpochs, pathEpochs } from '../../core/path-plan.ts';
import { isBetter, isEligible } from '../../training/selection.ts';
import type { LibrarySession } from '../library-session.ts';
import { layersOf } from './cards.ts';

/** @throws TapsError `not-found` */
export function runDetail(session: LibrarySession, runId: string): RunDetail {
  const { library, queue } = session;
  const { metrics, taskId, config, result } = library.runs.get(runId);
  const base = library.bases.get(library.tasks.get(taskId).baseId);
  const view = queue.view(runId);
  const run = { ...view, recoveries: view.recoveries.length > 0 ? view.recoveries : (result?.recoveries ?? []) };
  return { run, epochs: metrics, layers: layersOf(session, base), bestEpoch: result?.bestEpoch ?? leadingEpoch(metrics, config), levels: pathLevels(session, runId, config) };
}

/** While a run goes: the epoch that would be kept now; null before there is one. */
function leadingEpoch(metrics: readonly EpochMetrics[], config: TrainConfig): number | null {
  let best: EpochMetrics | undefined;
  for (const epoch of metrics) if (isEligible(epoch.epoch, config) && isBetter(epoch, best)) best = epoch;
  return best?.epoch ?? null;
}

function pathLevels(session: LibrarySession, runId: string, { path, epochs }: TrainConfig): LevelView[] | null {
  // A run that asks for too much is refused by the trainer; its record is shown all the same.
  if (path === undefined || epochs < fewestPathEpochs(levelsOf(path))) return null;
  const split = pathEpochs(epochs, levelsOf(path));
  const deltas = session.library.deltas.listOfRun(runId);
  return Array.from({ length: levelsOf(path) }, (_, level) => {
    const delta = deltas.find(({ pathLevel }) => pathLevel === level);
    return {
      level,
      lambda: lambdaOfLevel(path, level),
      ...levelEpochs(split, level, levelsOf(path)),
      deltaId: delta?.id ?? null,
      validationAccuracy: delta?.validationAccuracy ?? null,
      testAccuracy: delta?.testAccuracy ?? null,
      openLayers: delta?.layersOpen ?? null,
      bytes: delta?.blob.bytes ?? null,
    };
  });
}
