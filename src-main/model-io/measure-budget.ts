/** @file What a TAPS task on a base can take at least and at most: asked before a run, from the file that would be written. */
import { loadBase } from '../bases/load-base.ts';
import { elementCount, type FloatTensor } from '../contract/tensors.ts';
import type { TaskArtifact } from '../contract/training.ts';
import { measureTaskBytes } from '../formats/measure-task.ts';
import type { BaseModel, ParameterRole } from '../graph/types.ts';
import type { BudgetBounds, BudgetRequest } from './protocol.ts';

/** What a task has of its own whatever its layers do (methods/taps). */
const OWN: readonly ParameterRole[] = ['norm-affine', 'norm-statistic', 'bias', 'embedding'];

export async function measureBudget({ base: files, classNames, preprocessing }: BudgetRequest): Promise<BudgetBounds> {
  const base = await loadBase(files);
  const { fixed, layers, fullCopy } = measureTaskBytes(base, untrained(base, files.baseId, classNames, preprocessing), 32);
  return { leastBytes: fixed, mostBytes: layers.reduce((sum, bytes) => sum + bytes, fixed), fullCopyBytes: fullCopy };
}

/** A task as it is before its first step. */
function untrained(base: BaseModel, baseId: string, classNames: string[], preprocessing: BudgetRequest['preprocessing']): TaskArtifact {
  const zeros = (shape: readonly number[]): FloatTensor => ({ shape: [...shape], data: new Float32Array(elementCount(shape)) });
  const gated = base.parameters.filter(({ role }) => role === 'gated').sort((a, b) => a.nodeIndex - b.nodeIndex);
  return {
    method: 'taps',
    baseId,
    classNames,
    layers: gated.map(({ name, shape }) => ({ name, parameters: elementCount(shape), score: 0, open: false })),
    deltas: new Map(),
    replaced: new Map(base.parameters.filter(({ role }) => OWN.includes(role)).map(({ name, shape }) => [name, zeros(shape)])),
    transforms: new Map(),
    head: { weight: zeros([classNames.length, base.head.features]), bias: zeros([classNames.length]) },
    preprocessing,
  };
}
