/** @file What must hold for a task, wherever it comes from: checked before it is written and after it is read. */
import { TapsError } from '../contract/errors.ts';
import { elementCount, type FloatTensor } from '../contract/tensors.ts';
import type { TaskArtifact } from '../contract/training.ts';
import { floatParts, misfitOf, transformParameters } from './weight-transform.ts';

/** More classes than this are taken for a damaged file. */
export const MAX_CLASSES = 10_000;

function inconsistent(message: string): TapsError {
  return new TapsError('model-malformed', `The task is inconsistent: ${message}.`, 'Learn the task again, or get its file again from where it was made.');
}

function requireFinite(name: string, { data }: FloatTensor): void {
  // A loop: `findIndex` with a function takes several times as long, and every switch to a task reads millions of numbers.
  let index = 0;
  while (index < data.length && Number.isFinite(data[index])) index++;
  if (index === data.length) return;
  throw new TapsError('non-finite', `Element ${String(index)} of ${name} is ${String(data[index])}.`, 'Train again with a smaller learning rate; a task with such values is neither stored nor loaded.');
}

function checkTensor(name: string, { shape, data }: FloatTensor): void {
  if (elementCount(shape) !== data.length) throw inconsistent(`${name} has shape [${shape.join(', ')}] but ${String(data.length)} elements`);
  requireFinite(name, { shape, data });
}

function checkHead({ classNames, head }: TaskArtifact): void {
  const classes = classNames.length;
  if (classes < 1 || classes > MAX_CLASSES) throw inconsistent(`it has ${String(classes)} classes; 1 to ${String(MAX_CLASSES)} are possible`);
  if (new Set(classNames).size !== classes) throw inconsistent('two classes have the same name');
  const [rows, features] = head.weight.shape;
  if (head.weight.shape.length !== 2 || rows !== classes || features === undefined || features < 1) {
    throw inconsistent(`the head's weight is [${head.weight.shape.join(', ')}] for ${String(classes)} classes`);
  }
  if (head.bias.shape.length !== 1 || head.bias.shape[0] !== classes) {
    throw inconsistent(`the head's bias is [${head.bias.shape.join(', ')}] for ${String(classes)} classes`);
  }
  checkTensor('the head weight', head.weight);
  checkTensor('the head bias', head.bias);
}

/** An open layer has exactly one of δ, replaced weight and transform, of its size; a closed one has none. */
function checkLayers({ layers, deltas, replaced, transforms }: TaskArtifact, encoded: boolean): void {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  if (byName.size !== layers.length) throw inconsistent('two layers have the same name');
  for (const { name, parameters, score, open } of layers) {
    if (score !== null && !Number.isFinite(score)) throw new TapsError('non-finite', `The score of ${name} is ${String(score)}.`, 'Train again with a smaller learning rate.');
    const [tensor, ...others] = [deltas.get(name), replaced.get(name)].filter((candidate) => candidate !== undefined);
    const transform = transforms.get(name);
    const stored = (tensor === undefined ? 0 : 1) + others.length + (transform === undefined ? 0 : 1);
    if (stored !== (open ? 1 : 0)) throw inconsistent(`layer ${name} is ${open ? 'open' : 'closed'} but has ${String(stored)} stored weights`);
    if (tensor !== undefined && tensor.data.length !== parameters) {
      throw inconsistent(`layer ${name} has ${String(parameters)} parameters but ${String(tensor.data.length)} are stored`);
    }
    const misfit = transform === undefined ? null : misfitOf(transform, parameters);
    if (misfit !== null) throw inconsistent(`layer ${name} has ${String(parameters)} parameters but ${misfit} is stored`);
  }
  for (const [kind, named] of [['a δ', encoded ? new Map<string, unknown>() : deltas], ['a transform', transforms]] as const) {
    const stray = [...named.keys()].find((name) => !byName.has(name));
    if (stray !== undefined) throw inconsistent(`${stray} has ${kind} but is not one of its layers`);
  }
  const twice = [...deltas.keys()].find((name) => replaced.has(name));
  if (twice !== undefined) throw inconsistent(`${twice} has a value and a difference`);
}

/**
 * @param artifact with `encoded`, parameters that are no layers may have a difference in place of a value
 * @throws TapsError `non-finite` for NaN and infinity anywhere; `model-malformed` when head, classes, layers and
 * stored tensors do not fit each other
 */
export function checkArtifact(artifact: TaskArtifact, { encoded = false } = {}): void {
  if (!/^[0-9a-f]{64}$/.test(artifact.baseId)) throw inconsistent(`its base ${JSON.stringify(artifact.baseId.slice(0, 80))} is not a SHA-256`);
  checkHead(artifact);
  checkLayers(artifact, encoded);
  for (const [name, tensor] of artifact.deltas) checkTensor(`the δ of ${name}`, tensor);
  for (const [name, tensor] of artifact.replaced) checkTensor(name, tensor);
  for (const [name, transform] of artifact.transforms) {
    for (const [part, tensor] of floatParts(name, transform)) checkTensor(part, tensor);
  }
}

/** Shape of a tensor of the base's weights by name; undefined when it has none of that name. */
export type BaseShapes = (name: string) => readonly number[] | undefined;

/**
 * Whether a task fits the base it is to be used with.
 * @throws TapsError `base-mismatch` naming the two bases, or the first tensor that does not fit
 */
export function checkAgainstBase(artifact: TaskArtifact, baseId: string, shapes: BaseShapes): void {
  const advice = 'Use the base that the task was learnt on; `taps base list` shows those in the library.';
  if (artifact.baseId !== baseId) {
    throw new TapsError('base-mismatch', `The task was learnt on base ${artifact.baseId}, not on ${baseId}.`, advice, { details: { taskBase: artifact.baseId, base: baseId } });
  }
  for (const [name, { shape }] of [...artifact.deltas, ...artifact.replaced]) {
    const own = shapes(name);
    if (own?.length === shape.length && own.every((size, axis) => size === shape[axis])) continue;
    // Parameters of a single number are kept with the base's graph, not with its weights (see graph/topology).
    if (own === undefined && elementCount(shape) === 1 && !artifact.deltas.has(name)) continue;
    throw new TapsError('base-mismatch', `The task changes ${name} [${shape.join(', ')}]; the base has ${own === undefined ? 'no such tensor' : `[${own.join(', ')}]`}.`, advice);
  }
  for (const [name, transform] of artifact.transforms) {
    const own = shapes(name);
    const parameters = artifact.layers.find((layer) => layer.name === name)?.parameters ?? 0;
    const misfit = own === undefined ? `a ${transform.kind} change` : misfitOf(transform, parameters, own);
    if (misfit === null) continue;
    throw new TapsError('base-mismatch', `The task stores ${misfit} for ${name}; the base has ${own === undefined ? 'no such tensor' : `[${own.join(', ')}]`}.`, advice);
  }
}

/** Float32 numbers a task stores: open δ, replaced values, transforms (32 bits of a mask are one), head. */
export function storedParameters({ deltas, replaced, transforms, head }: TaskArtifact): number {
  let count = head.weight.data.length + head.bias.data.length;
  for (const { data } of [...deltas.values(), ...replaced.values()]) count += data.length;
  for (const transform of transforms.values()) count += transformParameters(transform);
  return count;
}
