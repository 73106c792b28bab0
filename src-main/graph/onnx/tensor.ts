/** @file TensorProto ↔ HostTensor. Claimed sizes are compared with the data that is there before anything is allocated. */
import { elementCount, type DType, type HostTensor } from '../../contract/tensors.ts';
import { malformed, MAX_RANK, unsupported } from './limits.ts';
import { fieldsOf, int, message, pushInts, text, type Field } from './wire.ts';

/** onnx.TensorProto.DataType of the types we hold. */
export const DATA_TYPES: Record<DType, number> = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 };
const DTYPES = new Map(Object.entries(DATA_TYPES).map(([dtype, code]) => [code, dtype as DType]));
const BYTES: Record<DType, number> = { float32: 4, uint8: 1, int8: 1, int32: 4, int64: 8, bool: 1, float16: 2, float64: 8 };

export function dtypeOf(code: number, where: string): DType {
  const dtype = DTYPES.get(code);
  if (dtype === undefined) throw unsupported(`a tensor (${where}) of data type ${String(code)}`, 'Export the model in float32.');
  return dtype;
}

export interface NamedTensor {
  name: string;
  tensor: HostTensor;
}

/** @throws TapsError model-malformed, or model-unsupported for external data, strings and complex numbers */
export function decodeTensor(bytes: Uint8Array): NamedTensor {
  const shape: number[] = [];
  let code = 0;
  let name = '';
  let raw: Uint8Array | undefined;
  const typed: Field[] = [];
  for (const field of fieldsOf(bytes)) {
    switch (field.number) {
      case 1:
        pushInts(field, shape);
        break;
      case 2:
        code = int(field);
        break;
      case 3:
        throw unsupported('a segmented tensor', 'Export the model again without segments.');
      case 4: // float_data
      case 5: // int32_data
      case 7: // int64_data
      case 10: // double_data
        typed.push(field);
        break;
      case 6:
        throw unsupported('a tensor of strings', 'Remove text processing from the model.');
      case 8:
        name = text(field);
        break;
      case 9:
        raw = message(field);
        break;
      case 13:
        throw unsupported('weights in external files', 'Save the model as one file (onnx.save with save_as_external_data=False).');
      case 14:
        if (int(field) !== 0) throw unsupported('weights in external files', 'Save the model as one file (onnx.save with save_as_external_data=False).');
        break;
      default:
        break;
    }
  }
  if (shape.length > MAX_RANK) throw malformed(`tensor ${name} has ${String(shape.length)} axes`);
  if (shape.some((size) => size < 0)) throw malformed(`tensor ${name} has shape [${shape.join(', ')}]`);
  const count = elementCount(shape);
  if (!Number.isSafeInteger(count)) throw malformed(`tensor ${name} claims ${String(count)} elements`);
  const dtype = dtypeOf(code, name);
  const data = raw === undefined ? fromTyped(typed, dtype, count, name) : fromRaw(raw, dtype, count, name);
  return { name, tensor: { dtype, shape, data } };
}

function fromRaw(raw: Uint8Array, dtype: DType, count: number, name: string): HostTensor['data'] {
  if (raw.length !== count * BYTES[dtype]) {
    throw malformed(`tensor ${name} claims ${String(count * BYTES[dtype])} bytes and has ${String(raw.length)}`);
  }
  // A copy: aligned, and independent of the file's buffer.
  return view(new Uint8Array(raw).buffer, dtype);
}

function view(buffer: ArrayBuffer, dtype: DType): HostTensor['data'] {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    case 'float16':
      return new Uint16Array(buffer);
    case 'int64':
      return new BigInt64Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'int8':
      return new Int8Array(buffer);
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer);
  }
}

/** Data in typed fields. Each element takes at least one byte there, so the claim is checked against the bytes first. */
function fromTyped(fields: Field[], dtype: DType, count: number, name: string): HostTensor['data'] {
  const available = fields.reduce((sum, field) => sum + (field.kind === 'bytes' ? field.value.length : 1), 0);
  if (count > available) throw malformed(`tensor ${name} claims ${String(count)} elements and has ${String(available)} bytes`);
  if (dtype === 'float32') return exactly(Float32Array.from(floats(fields, 4)), count, name);
  if (dtype === 'float64') return exactly(Float64Array.from(floats(fields, 8)), count, name);
  const values: bigint[] = [];
  for (const field of fields) {
    if (field.kind === 'varint') values.push(BigInt.asIntN(64, field.value));
    else for (const item of packed(message(field))) values.push(item);
  }
  if (dtype === 'int64') return exactly(BigInt64Array.from(values), count, name);
  const numbers = values.map(Number);
  if (dtype === 'int32') return exactly(Int32Array.from(numbers), count, name);
  if (dtype === 'int8') return exactly(Int8Array.from(numbers), count, name);
  if (dtype === 'float16') return exactly(Uint16Array.from(numbers), count, name);
  return exactly(Uint8Array.from(numbers), count, name);
}

function floats(fields: Field[], width: 4 | 8): number[] {
  const values: number[] = [];
  for (const field of fields) {
    if (field.kind === 'fixed32') values.push(field.value);
    else if (field.kind === 'bytes') {
      const data = new DataView(field.value.buffer, field.value.byteOffset, field.value.byteLength);
      for (let offset = 0; offset + width <= field.value.length; offset += width) {
        values.push(width === 4 ? data.getFloat32(offset, true) : data.getFloat64(offset, true));
      }
    }
  }
  return values;
}

function* packed(bytes: Uint8Array): Generator<bigint> {
  let offset = 0;
  while (offset < bytes.length) {
    let value = 0n;
    let shift = 0n;
    for (;;) {
      const byte = bytes[offset++];
      if (byte === undefined || shift > 63n) throw malformed('an integer that does not end');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
      shift += 7n;
    }
    yield BigInt.asIntN(64, value);
  }
}

function exactly<T extends { length: number }>(data: T, count: number, name: string): T {
  if (data.length !== count) throw malformed(`tensor ${name} claims ${String(count)} elements and has ${String(data.length)}`);
  return data;
}
