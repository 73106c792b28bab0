/** @file Unfinished joint runs: remembered by name until everything is stored, with a folder for checkpoints. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TapsError } from '../contract/errors.ts';
import { jointConfigSchema, type JointConfig } from '../contract/joint.ts';
import { newId } from '../library/ids.ts';
import type { JointInputs, JointRun } from './joint-inputs.ts';
import type { Library } from './open-library.ts';

const runSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-z]+$/),
  name: z.string().min(1),
  baseId: z.string().min(1),
  startedAt: z.number(),
  config: jointConfigSchema,
  tasks: z.array(z.strictObject({ taskId: z.string(), name: z.string(), datasetId: z.string(), datasetHash: z.string() })).min(1),
});

/** Documents have keys of limited length; a name may be as long. */
const PREFIX = 'joint/';
const keyOf = (name: string): string => `${PREFIX}${name}`.slice(0, 200);

export function folderOfJointRun(library: Library, { id }: Pick<JointRun, 'id'>): string {
  return join(library.folder, 'joint', id);
}

/** null when there is none of that name. @throws TapsError `library-damaged` for one that another version of the program wrote */
export function findJointRun(library: Library, name: string): JointRun | null {
  const stored = library.documents.get(keyOf(name));
  if (stored === null) return null;
  const parsed = runSchema.safeParse(stored);
  if (!parsed.success) throw new TapsError('library-damaged', `What the library remembers of the joint run ${JSON.stringify(name)} cannot be read.`, `Discard it: taps joint ${name} --discard.`, { cause: parsed.error });
  return parsed.data;
}

/** Those that can be read, newest first; what another version of the program wrote is left out. */
export function listJointRuns(library: Library): JointRun[] {
  return library.documents
    .keys(PREFIX)
    .flatMap((key) => {
      const parsed = runSchema.safeParse(library.documents.get(key));
      return parsed.success ? [parsed.data] : [];
    })
    .sort((a, b) => b.startedAt - a.startedAt);
}

/** @throws TapsError `not-found` */
export function getJointRun(library: Library, name: string): JointRun {
  const run = findJointRun(library, name);
  if (run === null) throw new TapsError('not-found', `There is no unfinished joint run ${JSON.stringify(name)}.`, `Start one: taps joint ${name} --tasks a,b,c.`);
  return run;
}

/** @throws TapsError `already-exists` when one of that name is unfinished */
export function addJointRun(library: Library, name: string, { base, tasks }: JointInputs, config: JointConfig): JointRun {
  if (findJointRun(library, name) !== null) throw new TapsError('already-exists', `The joint run ${JSON.stringify(name)} is unfinished.`, `Go on with it: taps joint ${name} --resume. Or give it up: taps joint ${name} --discard.`);
  const run: JointRun = {
    id: newId(),
    name,
    baseId: base.id,
    startedAt: Date.now(),
    config,
    tasks: tasks.map((task) => ({ taskId: task.id, name: task.name, datasetId: task.datasetId, datasetHash: library.datasets.get(task.datasetId).manifest.hash })),
  };
  library.documents.set(keyOf(name), run);
  return run;
}

/**
 * Gives an unfinished joint run up with its checkpoints, or forgets one whose results are stored. Bases and tasks stay.
 * @throws TapsError `not-found`
 */
export async function forgetJointRun(library: Library, name: string): Promise<void> {
  const stored = library.documents.get(keyOf(name));
  if (stored === null) getJointRun(library, name);
  // The id becomes part of a path: nothing but an id will do.
  const found = z.object({ id: z.string().regex(/^[0-9a-z]+$/) }).safeParse(stored);
  // Folder first: as long as the run is remembered, its folder is known.
  if (found.success) await rm(folderOfJointRun(library, found.data), { recursive: true, force: true });
  library.documents.remove(keyOf(name));
}
