/** @file Answers about pictures before and after they are a dataset: the wizard and the versions. */
import type { IMAGES_REQUESTS } from '../../contract/studio/images.ts';
import { boundsFor } from '../budget-bounds.ts';
import { discardDraft, readDraft, saveDraft } from '../drafts.ts';
import { createTask, inspect, reviseTask } from '../inspect.ts';
import { listImages } from '../views/image-rows.ts';
import { trainEstimate } from '../views/train-estimate.ts';
import type { Handlers } from './handlers.ts';

export const imageHandlers: Handlers<keyof typeof IMAGES_REQUESTS> = {
  'draft.get': ({ session, grants }) => readDraft(session.library, grants),
  'draft.save': ({ session, grants }, draft) => {
    saveDraft(session.library, grants, draft);
    return { saved: true };
  },
  'draft.discard': ({ session }) => {
    discardDraft(session.library);
    return { discarded: true };
  },
  'images.inspect': (context, input) => inspect(context, input),
  'images.list': ({ session }, query) => listImages(session.datasets.manifest(query.datasetId), query),
  'task.create': (context, input) => createTask(context, input),
  'dataset.revise': (context, { taskId, changes }) => reviseTask(context, taskId, changes),
  'train.bounds': ({ session }, { baseId, classNames }) => boundsFor(session, baseId, classNames),
  'train.estimate': ({ session }, planned) => trainEstimate(session, planned),
};
