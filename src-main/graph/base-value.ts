/** @file A parameter of the base as numbers. */
import { TapsError } from '../contract/errors.ts';
import type { FloatTensor } from '../contract/tensors.ts';
import type { BaseModel } from './types.ts';

/**
 * The base's own value; shares memory with the graph.
 * @throws TapsError `model-unsupported` when it is missing or not float32
 */
export function baseValue(base: BaseModel, name: string): FloatTensor {
  const tensor = base.graph.initializers.get(name);
  if (tensor === undefined || !(tensor.data instanceof Float32Array)) {
    throw new TapsError('model-unsupported', `The parameter ${name} is ${tensor === undefined ? 'missing' : tensor.dtype}, not float32.`, 'Convert the model to float32.');
  }
  return { shape: tensor.shape, data: tensor.data };
}
