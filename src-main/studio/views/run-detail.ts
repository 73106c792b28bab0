/** @file One run with its epochs and the layers whose scores they hold. */
import type { EpochMetrics, TrainConfig } from '../../contract/training.ts';
import type { RunDetail } from '../../contract/studio/runs.ts';
import { isBetter, isEligible } from '../../training/selection.ts';
import type { LibrarySession } from '../library-session.ts';
import { layersOf } from './cards.ts';

/** @throws TapsError `not-found` */
export function runDetail(session: LibrarySession, runId: string): RunDetail {
  const { library, queue } = session;
  const { metrics, taskId, config, result } = library.runs.get(runId);
  const base = library.bases.get(library.tasks.get(taskId).baseId);
  return { run: queue.view(runId), epochs: metrics, layers: layersOf(session, base), bestEpoch: result?.bestEpoch ?? leadingEpoch(metrics, config) };
}

/** While a run goes: the epoch that would be kept now; null before there is one. */
function leadingEpoch(metrics: readonly EpochMetrics[], config: TrainConfig): number | null {
  let best: EpochMetrics | undefined;
  for (const epoch of metrics) if (isEligible(epoch.epoch, config) && isBetter(epoch, best)) best = epoch;
  return best?.epoch ?? null;
}
