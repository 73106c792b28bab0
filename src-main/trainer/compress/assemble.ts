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

/** The task with one part as its form would have it, the others as they are; no file is made. @param spec any but low rank */
export function roughened(artifact: TaskArtifact, part: Part, spec: FormSpec): TaskArtifact {
  const deltas = new Map(artifact.deltas);
  const replaced = new Map(artifact.replaced);
  const transforms = new Map(artifact.transforms);
  let { head } = artifact;
  for (const { key, name, tensor } of part.tensors) {
    const rough: FloatTensor = { shape: tensor.shape, data: valuesOf(tensor, spec) };
    const transform = transforms.get(name);
    if (key === 'head.weight') head = { ...head, weight: rough };
    else if (key === 'head.bias') head = { ...head, bias: rough };
    else if (transform?.kind === 'low-rank') transforms.set(name, key.startsWith('left.') ? { ...transform, left: rough } : { ...transform, right: rough });
    else if (transform?.kind === 'modulator') transforms.set(name, { ...transform, matrix: rough });
    else takeDifference(name, rough, deltas, replaced);
  }
  return { ...artifact, deltas, replaced, transforms, head };
}
