/** @file Work on the library as a whole: verify it, open another, move it. */
import type { LibraryStatus, VerifyView } from '../contract/studio/app.ts';
import { TapsError } from '../contract/errors.ts';
import type { StudioContext } from './context.ts';
import { copyLibrary } from './move-library.ts';

export function verifyLibrary(context: StudioContext, operationId: string): Promise<VerifyView> {
  return context.operations.run(operationId, 'Reading every file of the library', async ({ signal, counter }) => {
    const started = performance.now();
    const report = await context.session.library.verify({ signal, onProgress: counter('Reading every file of the library') });
    return {
      ok: report.ok,
      checkedBlobs: report.blobsChecked,
      checkedBytes: report.bytesChecked,
      problems: report.problems.map(({ message, affected }) => (affected.length === 0 ? message : `${message} Affected: ${affected.join(', ')}.`)),
      seconds: (performance.now() - started) / 1000,
    };
  });
}

/** @param path of a granted folder, or of the library that could not be opened before */
export function openLibraryAt(context: StudioContext, path: string): Promise<LibraryStatus> {
  return context.exclusively(() => {
    context.requireIdle(0);
    return context.useLibrary(path);
  });
}

export function moveLibrary(context: StudioContext, folder: string, operationId: string): Promise<LibraryStatus> {
  const target = context.grants.pathOf(folder);
  return context.operations.run(operationId, 'Moving the library', (operation) =>
    context.exclusively(() => {
      context.requireIdle(1);
      requireNoneAway(context);
      return context.withLibraryClosed((source) => copyLibrary(source, target, operation).then(() => target));
    }),
  );
}

/** Jobs on Slurm leave their results where the library was when they were sent. @throws TapsError `usage` */
function requireNoneAway({ session }: StudioContext): void {
  const { away } = session.queue;
  if (away > 0) throw new TapsError('usage', `Slurm has ${away === 1 ? 'a run' : `${String(away)} runs`} of this library.`, 'Wait for the end, or cancel them, then move the library.');
}
