/** @file Answers about what was learnt: the result, its mistakes, trying it. */
import type { RESULT_REQUESTS } from '../../contract/studio/results.ts';
import { compress } from '../compress.ts';
import { judge, predictPictures, predictWithTasks } from '../try-result.ts';
import { resultView } from '../views/result-view.ts';
import type { Handlers } from './handlers.ts';

export const resultHandlers: Handlers<keyof typeof RESULT_REQUESTS> = {
  'result.show': ({ session }, { deltaId }) => resultView(session, deltaId),
  'result.judge': (context, { deltaId, operationId }) => judge(context, deltaId, operationId),
  'result.compress': (context, input) => compress(context, input),
  'predict.tasks': (context, input) => predictWithTasks(context, input),
  'predict.pictures': (context, input) => predictPictures(context, input),
};
