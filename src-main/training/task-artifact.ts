/** @file What of a training state is stored for the task, and how large that is. */
import { TapsError } from '../contract/errors.ts';
import { elementCount, type FloatTensor } from '../contract/tensors.ts';
import type { LayerState, TaskArtifact, WeightTransform } from '../contract/training.ts';
import { deltaName, HEAD_BIAS, HEAD_WEIGHT, partEntries, SCORES, valueName, type TrainPlan } from './steps/plan.ts';

const FLOAT_BYTES = 4;

/**
 * All layers that could be gated, whatever the method, in forward order: open where the method changes them.
 * @param scores of the gated layers; empty for methods without gates. Layers of a trunk have none, and are closed
 */
export function layerStates(plan: TrainPlan, scores: Float32Array): LayerState[] {
  const scoreOf = new Map(plan.gated.map(({ name }, layer) => [name, scores[layer] ?? 0]));
  const changed = new Set([...plan.trained, ...plan.adapted.map(({ parameter }) => parameter)].map(({ name }) => name));
  return plan.base.parameters
    .filter(({ role }) => role === 'gated')
    .sort((a, b) => a.nodeIndex - b.nodeIndex)
    .map(({ name, shape }) => {
      const score = scoreOf.get(name) ?? null;
      return { name, parameters: elementCount(shape), score, open: score === null ? changed.has(name) : score >= Math.fround(plan.config.threshold) };
    });
}

/** Bytes the task takes with these layers, without file header. */
export function storedBytes(plan: TrainPlan, layers: readonly LayerState[]): number {
  const own = [...plan.trained, ...plan.statistics].filter(({ role }) => role !== 'gated');
  const fixed = own.reduce((sum, { shape }) => sum + elementCount(shape), 0) + plan.classes * (plan.base.head.features + 1);
  const adapted = new Map(plan.adapted.map(({ parameter, by }) => [parameter.name, by.storedBytes]));
  return layers.reduce((sum, { name, open, parameters }) => sum + (open ? (adapted.get(name) ?? FLOAT_BYTES * parameters) : 0), FLOAT_BYTES * fixed);
}

/**
 * @param about whose task it is
 * @param snapshot entries of the state under the names of `steps/plan.ts`; the artefact shares their memory
 * @throws TapsError `run-incompatible` when an entry is missing
 */
export function taskArtifact(plan: TrainPlan, about: Pick<TaskArtifact, 'baseId' | 'classNames' | 'preprocessing'>, snapshot: ReadonlyMap<string, FloatTensor>): TaskArtifact {
  const get = (name: string): FloatTensor => {
    const tensor = snapshot.get(name);
    if (tensor === undefined) throw new TapsError('run-incompatible', `The checkpoint lacks ${name}.`, 'Start the run again without --resume.');
    return tensor;
  };
  const layers = layerStates(plan, plan.gated.length === 0 ? new Float32Array() : get(SCORES).data);
  const deltas = new Map(plan.gated.length === 0 ? [] : layers.filter(({ open }) => open).map(({ name }) => [name, get(deltaName(name))]));
  const transforms = new Map<string, WeightTransform>();
  for (const layer of plan.adapted) {
    const { name } = layer.parameter;
    const change = layer.by.stored(Object.fromEntries(partEntries(layer).map(([part, entry]) => [part, get(entry)])));
    if (change.kind === 'delta') deltas.set(name, change.delta);
    else transforms.set(name, change);
  }
  return {
    method: plan.config.method,
    baseId: about.baseId,
    classNames: about.classNames,
    layers,
    deltas,
    replaced: new Map([...plan.trained, ...plan.statistics].map(({ name }) => [name, get(valueName(name))])),
    transforms,
    head: { weight: get(HEAD_WEIGHT), bias: get(HEAD_BIAS) },
    preprocessing: about.preprocessing,
  };
}
