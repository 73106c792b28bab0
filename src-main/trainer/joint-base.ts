/** @file A base with other values: what a joint run leaves for the library to store. */
import { join } from 'node:path';
import type { FloatTensor } from '../contract/tensors.ts';
import { writeSafetensors } from '../formats/safetensors.ts';
import { splitWeights } from '../graph/topology.ts';
import type { BaseModel } from '../graph/types.ts';
import { baseIdOf } from '../library/base-id.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import { sha256OfBytes } from '../platform/hash.ts';

export interface WrittenBase {
  graphPath: string;
  weightsPath: string;
  /** As the library will name it: by the hashes of the two files. */
  baseId: string;
}

/**
 * Writes the whole network anew; parameters that are not in `values` keep theirs, the base's own head included.
 * Where only weights of more than one number change, the graph file is the base's, byte for byte.
 */
export async function writeDerivedBase(folder: string, base: BaseModel, values: ReadonlyMap<string, FloatTensor>): Promise<WrittenBase> {
  const initializers = new Map(base.graph.initializers);
  for (const [name, { shape, data }] of values) initializers.set(name, { dtype: 'float32', shape, data });
  const { topology, weights } = splitWeights({ ...base.graph, initializers });
  const weightBytes = writeSafetensors(weights, {});
  const graphPath = join(folder, 'topology.onnx');
  const weightsPath = join(folder, 'weights.safetensors');
  await writeFileAtomic(graphPath, topology);
  await writeFileAtomic(weightsPath, weightBytes);
  return { graphPath, weightsPath, baseId: baseIdOf(sha256OfBytes(topology), sha256OfBytes(weightBytes)) };
}
