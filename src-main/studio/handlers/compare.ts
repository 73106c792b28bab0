/** @file Answers about all results side by side. */
import type { COMPARE_REQUESTS } from '../../contract/studio/compare.ts';
import { compareView } from '../views/compare-view.ts';
import type { Handlers } from './handlers.ts';

export const compareHandlers: Handlers<keyof typeof COMPARE_REQUESTS> = {
  'compare.view': ({ session }, { taskIds }) => compareView(session, taskIds),
};
