/** @file The bytes of a task by its open layers, measured on the file that would be written. */
import type { TaskBytes } from '../contract/budget.ts';
import { elementCount } from '../contract/tensors.ts';
import type { TaskArtifact } from '../contract/training.ts';
import { encodeTaskFile } from './task-file.ts';
import type { BaseModel } from '../graph/types.ts';

/** As many digits as a float32 score can take in JSON. */
const LONGEST_SCORE = -0.12345678901234567;
/** The header is padded to a multiple of eight bytes. */
const PADDING = 8;

/**
 * Upper bounds that are at most a few bytes per layer above the file: scores count with their longest text.
 * @param artifact of the run's first state
 * @param bitsPerWeight of the weights of open layers, 1..32
 */
export function measureTaskBytes(base: BaseModel, artifact: TaskArtifact, bitsPerWeight: number): TaskBytes {
  const layers = artifact.layers.map((layer) => ({ ...layer, score: LONGEST_SCORE, open: false }));
  const closed = encodeTaskFile({ ...artifact, layers, deltas: new Map() });
  const shapes = new Map(base.parameters.map(({ name, shape }) => [name, shape]));
  const backbone = base.parameters.filter(({ role }) => role !== 'head' && role !== 'constant').reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const fullCopy = 4 * (backbone + artifact.head.weight.data.length + artifact.head.bias.data.length);
  const entryBytes = (name: string): number => {
    const text = `${JSON.stringify(`delta.${name}`)}:{"dtype":"F32","shape":[${(shapes.get(name) ?? []).join(',')}],"data_offsets":[${String(fullCopy)},${String(fullCopy)}]},`;
    return new TextEncoder().encode(text).length;
  };
  // An open layer moves the offsets of all that follow it: each may take more digits.
  const digits = String(fullCopy).length;
  const moved = 2 * digits * (artifact.replaced.size + 2);
  return {
    fixed: closed.length + PADDING + moved,
    layers: layers.map(({ name, parameters }) => Math.ceil((parameters * bitsPerWeight) / 8) + entryBytes(name)),
    fullCopy,
  };
}
