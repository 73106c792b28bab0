/**
 * @file Safetensors files ↔ named tensors, without IO.
 * The reader is as strict as the format's Rust implementation (no holes, overlaps, duplicate names or trailing bytes;
 * shape × element size equals the byte range) with a lower header limit. NaN and infinity are the caller's concern.
 * Both directions rely on a little-endian host, as every platform of Node but s390x is.
 */
import { TapsError } from '../contract/errors.ts';
import type { DType, HostTensor } from '../contract/tensors.ts';
import { malformed, parseHeader, type HeaderEntry } from './safetensors-header.ts';

/** Larger headers are refused before they are read. The format itself allows 100 MB; real models need well below 1 MB. */
export const MAX_HEADER_BYTES = 16 * 1024 * 1024;

const LENGTH_BYTES = 8;
const NAME_OF: Readonly<Record<DType, string>> = {
  float32: 'F32', float64: 'F64', float16: 'F16', int64: 'I64', int32: 'I32', uint8: 'U8', int8: 'I8', bool: 'BOOL',
};
/** What the format defines and this program has no tensor type for. */
const FOREIGN = new Set(['F4', 'F6_E2M3', 'F6_E3M2', 'F8_E5M2', 'F8_E4M3', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ', 'I16', 'U16', 'BF16', 'U32', 'U64', 'C64']);

interface ArrayType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): HostTensor['data'];
}
const ARRAY_OF: Readonly<Record<DType, ArrayType>> = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array, int64: BigInt64Array,
  int32: Int32Array, uint8: Uint8Array, int8: Int8Array, bool: Uint8Array,
};
const DTYPE_OF: ReadonlyMap<string, DType> = new Map((Object.keys(NAME_OF) as DType[]).map((dtype) => [NAME_OF[dtype], dtype]));

const quoted = (name: string): string => JSON.stringify(name.slice(0, 100));

/** Bytes of a tensor, or null when the product of the dimensions leaves the exact integers on the way. */
function byteCount(shape: readonly number[], elementBytes: number): number | null {
  let bytes = elementBytes;
  for (const size of shape) {
    bytes *= size;
    if (!Number.isSafeInteger(bytes)) return null;
  }
  return bytes;
}

function checkWritable(name: string, { dtype, shape, data }: HostTensor): void {
  const type = ARRAY_OF[dtype];
  const problem =
    name === '__metadata__' || !name.isWellFormed() ? 'has a name that the format reserves or cannot hold'
    : !(data instanceof type) ? `is ${dtype} but its data is not a ${type.name}`
    : shape.some((size) => !Number.isSafeInteger(size) || size < 0) || byteCount(shape, type.BYTES_PER_ELEMENT) !== data.byteLength
      ? `has shape [${shape.join(', ')}] but ${String(data.length)} elements`
    : null;
  if (problem !== null) throw new TapsError('internal', `Tensor ${quoted(name)} ${problem}.`, 'This is a defect: please report it.');
}

/**
 * Encodes tensors in their order, so equal input gives equal bytes. `"format": "pt"` is always in the metadata;
 * the header is padded with spaces to a multiple of eight bytes.
 * Reverse: `readSafetensors`.
 * @throws TapsError `internal` when a tensor's shape, dtype and data disagree
 */
export function writeSafetensors(tensors: ReadonlyMap<string, HostTensor>, metadata: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const notes = new Map([['format', 'pt'], ...Object.entries(metadata), ['format', 'pt']] as [string, string][]);
  const parts = [`"__metadata__":{${[...notes].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`];
  let dataBytes = 0;
  for (const [name, tensor] of tensors) {
    checkWritable(name, tensor);
    const end = dataBytes + tensor.data.byteLength;
    parts.push(`${JSON.stringify(name)}:{"dtype":"${NAME_OF[tensor.dtype]}","shape":[${tensor.shape.join(',')}],"data_offsets":[${String(dataBytes)},${String(end)}]}`);
    dataBytes = end;
  }
  const text = new TextEncoder().encode(`{${parts.join(',')}}`);
  const headerBytes = Math.ceil(text.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) throw new TapsError('internal', `The tensors need a header of ${String(headerBytes)} bytes; the limit is ${String(MAX_HEADER_BYTES)}.`, 'This is a defect: please report it.');
  const file = new Uint8Array(LENGTH_BYTES + headerBytes + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  file.set(text, LENGTH_BYTES);
  let offset = LENGTH_BYTES + headerBytes;
  for (const { data } of tensors.values()) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return file;
}

/**
 * Where the tensor data of a file starts, from its first eight bytes: how much to read for `readTensorIndex`.
 * @throws TapsError `model-malformed` when the declared header exceeds the limit or the file
 */
export function dataStartOf(bytes: Uint8Array, fileBytes: number): number {
  if (bytes.length < LENGTH_BYTES) throw malformed(`it has ${String(bytes.length)} bytes, the header length alone takes 8`);
  const declared = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
  if (declared > BigInt(MAX_HEADER_BYTES)) throw malformed(`it declares a header of ${String(declared)} bytes; the limit is ${String(MAX_HEADER_BYTES)}`);
  const dataStart = LENGTH_BYTES + Number(declared);
  if (dataStart > fileBytes) throw malformed(`it declares a header of ${String(declared)} bytes but has ${String(fileBytes)} bytes in all`);
  return dataStart;
}

function headerOf(bytes: Uint8Array, fileBytes = bytes.length): { text: string; dataStart: number } {
  const dataStart = dataStartOf(bytes, fileBytes);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(LENGTH_BYTES, dataStart));
    return { text, dataStart };
  } catch (cause) {
    throw new TapsError('model-malformed', 'Not a valid safetensors file: the header is not UTF-8.', 'Get the file again from where it was made; it may be truncated or altered.', { cause });
  }
}

/** The entries must cover the data section exactly, each by as many bytes as its shape takes. */
function checkLayout(entries: readonly HeaderEntry[], dataBytes: number): void {
  let expected = 0;
  for (const { name, dtype, shape, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== expected || end < begin) throw malformed(`tensor ${quoted(name)} takes bytes ${String(begin)} to ${String(end)}, expected it to start at ${String(expected)}`);
    if (end > dataBytes) throw malformed(`tensor ${quoted(name)} ends at byte ${String(end)} of ${String(dataBytes)}`);
    const known = DTYPE_OF.get(dtype);
    if (known === undefined) {
      if (!FOREIGN.has(dtype)) throw malformed(`tensor ${quoted(name)} has the unknown dtype ${quoted(dtype)}`);
      throw new TapsError('model-unsupported', `Tensor ${quoted(name)} has the element type ${dtype}, which is not supported.`, 'Convert the file to float32 first.');
    }
    if (byteCount(shape, ARRAY_OF[known].BYTES_PER_ELEMENT) !== end - begin) {
      throw malformed(`tensor ${quoted(name)} of ${dtype} [${shape.slice(0, 16).join(', ')}] cannot take ${String(end - begin)} bytes`);
    }
    expected = end;
  }
  if (expected !== dataBytes) throw malformed(`${String(dataBytes - expected)} bytes after the last tensor belong to none`);
}

function tensorAt(bytes: Uint8Array, dataStart: number, { name, dtype: label, shape, begin, end }: HeaderEntry): HostTensor {
  const dtype = DTYPE_OF.get(label);
  if (dtype === undefined) throw malformed(`tensor ${quoted(name)} has the unknown dtype ${quoted(label)}`);
  const type = ARRAY_OF[dtype];
  const offset = bytes.byteOffset + dataStart + begin;
  const length = (end - begin) / type.BYTES_PER_ELEMENT;
  const data =
    offset % type.BYTES_PER_ELEMENT === 0
      ? new type(bytes.buffer, offset, length)
      : new type(bytes.slice(dataStart + begin, dataStart + end).buffer, 0, length);
  if (dtype === 'bool' && (data as Uint8Array).some((value) => value > 1)) throw malformed(`tensor ${quoted(name)} is BOOL but holds other values than 0 and 1`);
  return { dtype, shape, data };
}

/**
 * Decodes a whole file. Tensors come in the order of the header and share memory with `bytes` where their alignment
 * allows it. Nothing is allocated before every declared size was compared with the file's. Reverse: `writeSafetensors`.
 * @throws TapsError `model-malformed`; `model-unsupported` for an element type without a counterpart here (BF16, U16, ...)
 */
export function readSafetensors(bytes: Uint8Array): { tensors: Map<string, HostTensor>; metadata: Record<string, string> } {
  const { text, dataStart } = headerOf(bytes);
  const { entries, metadata } = parseHeader(text);
  checkLayout(entries, bytes.length - dataStart);
  const tensors = new Map(entries.map((entry) => [entry.name, tensorAt(bytes, dataStart, entry)]));
  return { tensors, metadata: Object.fromEntries(metadata) };
}

/**
 * Names, element types and shapes, from the head of a file (at least its first `dataStartOf` bytes).
 * @param fileBytes size of the whole file, against which every declared size is checked
 * @throws TapsError as `readSafetensors`
 */
export function readTensorIndex(head: Uint8Array, fileBytes: number): Map<string, { dtype: string; shape: readonly number[] }> {
  const { text, dataStart } = headerOf(head, fileBytes);
  const { entries } = parseHeader(text);
  checkLayout(entries, fileBytes - dataStart);
  return new Map(entries.map(({ name, dtype, shape }) => [name, { dtype, shape }]));
}
