/** @file Use-case: what several tasks of one base say about pictures, in one pass over what they have in common. */
import type { QuarantinedImage } from '../contract/dataset.ts';
import { TapsError } from '../contract/errors.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { Sharing, TaskPairShare } from '../contract/sharing.ts';
import type { MethodId, SmallerBatch } from '../contract/training.ts';
import { chooseDeltas, type ChosenDelta } from './choose-delta.ts';
import type { Library } from './open-library.ts';
import { requirePictures, scoresOf, withHost, withPictures, type ClassScore, type PredictOptions } from './predict.ts';
import type { PredictorHost } from './predictor-host.ts';

export interface PredictTasksOptions extends Omit<PredictOptions, 'task' | 'deltaId'> {
  /** Names or ids; all on one base. */
  tasks: readonly string[];
}

export interface TaskScores {
  task: string;
  /** All classes, most probable first. */
  scores: ClassScore[];
}

export interface PredictTasksOutcome {
  base: string;
  tasks: { task: string; method: MethodId; deltaId: string }[];
  /** Answers in the order of the tasks. */
  predictions: { image: string; answers: TaskScores[] }[];
  /** Files that are no readable pictures. */
  unreadable: QuarantinedImage[];
  sharing: Sharing;
  /** How it went on where memory did not suffice; absent where it did. */
  recoveries?: SmallerBatch[];
}

interface Group {
  preprocessing: Preprocessing;
  /** Places in the list of tasks. */
  members: number[];
}

/**
 * Tasks that want their pictures prepared alike share a network; tasks of another image size are a network of their own.
 * @throws TapsError `invalid-config` for no task or one named twice; `base-mismatch` for different bases; `not-found`; `usage` without
 * pictures; `image-unreadable` when none of the files can be read
 */
export async function predictTasks(library: Library, options: PredictTasksOptions): Promise<PredictTasksOutcome> {
  const chosen = chooseDeltas(library, options.tasks, options.method);
  requirePictures(options.images);
  const groups = await groupByPreparation(library, chosen);
  return withHost(options.host, async (host) => {
    const answers: AskedGroup[] = [];
    for (const group of groups) answers.push(await ask(library, host, chosen, group, options));
    const [first] = answers;
    if (first === undefined) throw new TapsError('internal', 'No task was asked.', '');
    const recoveries = answers.flatMap((answer) => answer.recoveries);
    return {
      base: chosen[0]?.base.name ?? '',
      tasks: chosen.map(({ task, delta }) => ({ task: task.name, method: delta.method, deltaId: delta.id })),
      predictions: first.readable.map((image, index) => ({ image, answers: chosen.map(({ task }, place) => ({ task: task.name, scores: scoresOfTask(answers, place, index) })) })),
      unreadable: first.unreadable,
      sharing: together(chosen, answers),
      ...(recoveries.length === 0 ? {} : { recoveries }),
    };
  });
}

async function groupByPreparation(library: Library, chosen: readonly ChosenDelta[]): Promise<Group[]> {
  const groups = new Map<string, Group>();
  for (const [place, { delta }] of chosen.entries()) {
    const { preprocessing } = await library.deltas.read(delta);
    const key = JSON.stringify(preprocessing);
    const group = groups.get(key) ?? { preprocessing, members: [] };
    group.members.push(place);
    groups.set(key, group);
  }
  return [...groups.values()];
}

interface AskedGroup extends Group {
  readable: string[];
  unreadable: QuarantinedImage[];
  /** By place in the list of tasks, then by picture. */
  scores: Map<number, ClassScore[][]>;
  sharing: Sharing;
  recoveries: SmallerBatch[];
}

function ask(library: Library, host: PredictorHost, chosen: readonly ChosenDelta[], group: Group, { images, engine, threads, signal }: PredictTasksOptions): Promise<AskedGroup> {
  return withPictures(library, images, group.preprocessing, signal, async ({ folder, readable, unreadable }) => {
    const members = group.members.flatMap((place) => (chosen[place] === undefined ? [] : [{ place, ...chosen[place] }]));
    const [first] = members;
    if (first === undefined) throw new TapsError('internal', 'A group without tasks.', '');
    const job = { base: library.bases.files(first.base), preparedFolder: folder, indices: readable.map((_image, index) => index), engine, threads };
    const scores = new Map<number, ClassScore[][]>();
    const keep = ({ place, task }: (typeof members)[number], logits: Float32Array, classes: number): void => {
      scores.set(place, readable.map((_image, index) => scoresOf(logits, classes, index, task.classNames)));
    };
    if (members.length === 1) {
      const { logits, classes, recoveries = [] } = await host.predict({ ...job, artifactPath: library.deltas.path(first.delta) }, signal);
      keep(first, logits, classes);
      return { ...group, readable, unreadable, scores, sharing: { pairs: [], passes: 1 }, recoveries };
    }
    const { logits, classes, sharing, recoveries = [] } = await host.predictMany({ ...job, tasks: members.map(({ task, delta }) => ({ name: task.name, artifactPath: library.deltas.path(delta) })) }, signal);
    members.forEach((member, index) => {
      keep(member, logits[index] ?? new Float32Array(), classes[index] ?? 0);
    });
    return { ...group, readable, unreadable, scores, sharing, recoveries };
  });
}

function scoresOfTask(answers: readonly AskedGroup[], place: number, picture: number): ClassScore[] {
  return answers.find(({ members }) => members.includes(place))?.scores.get(place)?.[picture] ?? [];
}

/** Networks of different image sizes have nothing in common. */
function together(chosen: readonly ChosenDelta[], answers: readonly AskedGroup[]): Sharing {
  const known = new Map(answers.flatMap(({ sharing }) => sharing.pairs).map((pair) => [JSON.stringify(pair.tasks), pair]));
  const names = chosen.map(({ task }) => task.name);
  const pairs = names.flatMap((name, index) => names.slice(index + 1).map((other): TaskPairShare => known.get(JSON.stringify([name, other])) ?? { tasks: [name, other], share: 0, differFrom: null }));
  return { pairs, passes: answers.reduce((sum, { sharing }) => sum + sharing.passes, 0) };
}
