/** @file Weights of a LayersModel: shards joined, sizes checked against the bytes, quantised ones expanded. */
import { elementCount, type FloatTensor } from '../../contract/tensors.ts';
import { halfToFloat } from '../host-values.ts';
import { malformedModel, type LayersModelFile, type WeightSpec } from './topology-schema.ts';

const BYTES: Record<string, number> = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 };

/** @param shards one per path of the manifest, in order */
export function readWeights(manifest: LayersModelFile['manifest'], shards: readonly Uint8Array[]): Map<string, FloatTensor> {
  const weights = new Map<string, FloatTensor>();
  let next = 0;
  for (const { paths, weights: specs } of manifest) {
    const bytes = Buffer.concat(shards.slice(next, next + paths.length));
    next += paths.length;
    let offset = 0;
    for (const spec of specs) {
      const count = elementCount(spec.shape);
      const width = BYTES[spec.quantization?.dtype ?? spec.dtype] ?? 0;
      if (width === 0) throw malformedModel(`the weight ${spec.name} is ${spec.dtype}`);
      if (!Number.isSafeInteger(count) || offset + count * width > bytes.length) {
        throw malformedModel(`the weight ${spec.name} needs ${String(count * width)} bytes, ${String(bytes.length - offset)} are left`);
      }
      weights.set(spec.name, { shape: spec.shape, data: expand(spec, new Uint8Array(bytes.subarray(offset, offset + count * width)), count) });
      offset += count * width;
    }
    if (offset !== bytes.length) throw malformedModel(`${String(bytes.length - offset)} bytes of weights belong to nothing`);
  }
  return weights;
}

function expand({ dtype, quantization }: WeightSpec, bytes: Uint8Array<ArrayBuffer>, count: number): Float32Array {
  if (quantization === undefined) {
    if (dtype === 'float32') return new Float32Array(bytes.buffer);
    if (dtype === 'int32') return Float32Array.from(new Int32Array(bytes.buffer));
    return Float32Array.from(bytes);
  }
  if (quantization.dtype === 'float16') return Float32Array.from(new Uint16Array(bytes.buffer), halfToFloat);
  const source = quantization.dtype === 'uint8' ? bytes : new Uint16Array(bytes.buffer);
  const { scale = 1, min = 0 } = quantization;
  return Float32Array.from({ length: count }, (_, index) => (source[index] ?? 0) * scale + min);
}
