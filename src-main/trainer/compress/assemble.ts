/** @file A task with a form chosen for each part → its file. */
import type { FloatTensor } from '../../contract/tensors.ts';
import type { TaskArtifact } from '../../contract/training.ts';
import type { FormSpec } from '../../formats/forms/form.ts';
import { encodeTaskFile } from '../../formats/task-file.ts';
import { valuesOf, type Option } from './options.ts';
import type { Part } from './parts.ts';

export interface Choice {
  part: Part;
  option: Option;
}

const LOSSLESS: FormSpec = { form: 'float32' };

/** The encoded file; tensors of no part (masks, single numbers) are kept as they are. */
export function assemble(artifact: TaskArtifact, choices: readonly Choice[]): Uint8Array {
  const deltas = new Map(artifact.deltas);
  const replaced = new Map(artifact.replaced);
  const transforms = new Map(artifact.transforms);
  const specs = new Map<string, FormSpec>();
  for (const { part, option } of choices) {
    for (const { key, name, tensor } of part.tensors) {
      if (option.factors !== null) {
        deltas.delete(name);
        replaced.delete(name);
        transforms.set(name, { kind: 'low-rank', ...option.factors });
        specs.set(`left.${name}`, option.spec).set(`right.${name}`, option.spec);
      } else if (option.spec.form !== 'float32') {
        specs.set(key, option.spec);
        if (key.startsWith('delta.')) takeDifference(name, tensor, deltas, replaced);
      }
    }
  }
  return encodeTaskFile({ ...artifact, deltas, replaced, transforms }, (key) => specs.get(key) ?? LOSSLESS);
}

function takeDifference(name: string, tensor: FloatTensor, deltas: Map<string, FloatTensor>, replaced: Map<string, FloatTensor>): void {
  replaced.delete(name);
  deltas.set(name, tensor);
}

/** Values of a part in the form that was last asked of it: versions of a task differ in few parts. */
export class RoughValues {
  readonly #last = new Map<Part, { option: Option; tensors: FloatTensor[] }>();

  /** What the part's tensors are in this form; for one as factors, left and right. */
  of({ part, option }: Choice): FloatTensor[] {
    const known = this.#last.get(part);
    if (known?.option === option) return known.tensors;
    const { factors, spec } = option;
    const exact = factors === null ? part.tensors.map(({ tensor }) => tensor) : [factors.left, factors.right];
    const tensors = exact.map((tensor): FloatTensor => ({ shape: tensor.shape, data: valuesOf(tensor, spec) }));
    this.#last.set(part, { option, tensors });
    return tensors;
  }
}

/** The task as `assemble` stores it, without a file. @param values kept between calls */
export function roughened(artifact: TaskArtifact, choices: readonly Choice[], values: RoughValues): TaskArtifact {
  const deltas = new Map(artifact.deltas);
  const replaced = new Map(artifact.replaced);
  const transforms = new Map(artifact.transforms);
  let { head } = artifact;
  for (const choice of choices) {
    const { part, option } = choice;
    if (option.factors === null && option.spec.form === 'float32') continue;
    const rough = values.of(choice);
    part.tensors.forEach(({ key, name }, index) => {
      const own = rough[index];
      if (own === undefined) return;
      const transform = transforms.get(name);
      if (option.factors !== null) {
        deltas.delete(name);
        replaced.delete(name);
        transforms.set(name, { kind: 'low-rank', left: own, right: rough[1] ?? own });
      } else if (key === 'head.weight') head = { ...head, weight: own };
      else if (key === 'head.bias') head = { ...head, bias: own };
      else if (transform?.kind === 'low-rank') transforms.set(name, key.startsWith('left.') ? { ...transform, left: own } : { ...transform, right: own });
      else if (transform?.kind === 'modulator') transforms.set(name, { ...transform, matrix: own });
      else takeDifference(name, own, deltas, replaced);
    });
  }
  return { ...artifact, deltas, replaced, transforms, head };
}
