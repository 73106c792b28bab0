/** @file What a result says of its test pictures, and of pictures a person drops on it. */
import { basename } from 'node:path';
import type { ParsedInput, RequestOutput } from '../contract/studio/contract.ts';
import type { JudgedImage, PicturePrediction } from '../contract/studio/results.ts';
import { judgeTestImages } from '../services/judge-test-images.ts';
import { predict } from '../services/predict.ts';
import { predictTasks } from '../services/predict-tasks.ts';
import type { StudioContext } from './context.ts';
import { throwIfCancelled } from './operations.ts';

export function judge(context: StudioContext, deltaId: string, operationId: string): Promise<JudgedImage[]> {
  return context.operations.run(operationId, 'Judging the test pictures', ({ signal, progress }) => {
    const { session, settings } = context;
    const { engine, threads } = settings.current;
    session.task(session.library.deltas.get(deltaId).taskId);
    return judgeTestImages(session.library, deltaId, { engine, threads, onProgress: progress, signal });
  });
}

export function predictPictures(context: StudioContext, { taskId, deltaId, files, operationId }: ParsedInput<'predict.pictures'>): Promise<{ predictions: PicturePrediction[]; unreadable: { name: string; reason: string }[] }> {
  return context.operations.run(operationId, 'Looking at the pictures', async ({ signal }) => {
    const { session, settings, grants } = context;
    const { engine, threads } = settings.current;
    const task = session.task(taskId);
    // The same file given twice is one picture.
    const tokens = new Map(files.map((token) => [grants.pathOf(token), token]));
    const { predictions, unreadable } = await predict(session.library, { task: task.id, method: null, deltaId, images: [...tokens.keys()], engine, threads, host: session.predictor, signal });
    throwIfCancelled(signal);
    return {
      predictions: predictions.map(({ image, scores }) => ({ name: basename(image), token: tokens.get(image) ?? '', scores })),
      unreadable: unreadable.map(({ path, reason }) => ({ name: basename(path), reason })),
    };
  });
}

export function predictWithTasks(context: StudioContext, { taskIds, files, operationId }: ParsedInput<'predict.tasks'>): Promise<RequestOutput<'predict.tasks'>> {
  return context.operations.run(operationId, 'Looking at the pictures', async ({ signal }) => {
    const { session, settings, grants } = context;
    const { engine, threads } = settings.current;
    const tasks = taskIds.map((id) => session.task(id));
    const tokens = new Map(files.map((token) => [grants.pathOf(token), token]));
    const outcome = await predictTasks(session.library, { tasks: tasks.map(({ id }) => id), method: null, images: [...tokens.keys()], engine, threads, host: session.predictor, signal });
    throwIfCancelled(signal);
    return {
      predictions: outcome.predictions.map(({ image, answers }) => ({
        name: basename(image),
        token: tokens.get(image) ?? '',
        answers: answers.map(({ task, scores }, index) => ({ taskId: tasks[index]?.id ?? '', taskName: task, scores })),
      })),
      unreadable: outcome.unreadable.map(({ path, reason }) => ({ name: basename(path), reason })),
      sharing: outcome.sharing,
    };
  });
}
