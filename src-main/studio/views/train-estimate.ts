/** @file What is known of earlier runs, for estimating the next one. */
import type { ParsedInput } from '../../contract/studio/contract.ts';
import type { TimeEstimate } from '../../contract/studio/images.ts';
import { countSplits } from '../datasets.ts';
import { estimateTime, type PastRun } from '../estimate.ts';
import type { LibrarySession } from '../library-session.ts';

/** Newest finished runs that are looked at. */
const CONSIDERED = 30;

/** @throws TapsError `not-found` for the base */
export function trainEstimate(session: LibrarySession, { baseId, trainImages, evaluatedImages, config }: ParsedInput<'train.estimate'>): TimeEstimate {
  return estimateTime({ base: session.base(baseId), config, trainImages, evaluatedImages }, pastRuns(session));
}

function pastRuns({ library, datasets }: LibrarySession): PastRun[] {
  return library.runs.heads({ status: 'done', limit: CONSIDERED }).flatMap((run) => {
    const task = library.tasks.get(run.taskId);
    const counts = countSplits(datasets.manifest(run.datasetId ?? task.datasetId).images);
    return [{ run, base: library.bases.get(task.baseId), trainImages: counts.train, validationImages: counts.validation }];
  });
}
