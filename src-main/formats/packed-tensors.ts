/**
 * @file Tensors of a task in small forms, as two byte tensors of a safetensors file: `index` (what there is and in which form) and
 * `payload` (the streams of the forms, each a zstd frame where that is smaller). See docs/formats.md.
 */
import { z } from 'zod';
import { TapsError } from '../contract/errors.ts';
import { elementCount, type HostTensor } from '../contract/tensors.ts';
import { decodeTensor, encodeTensor, formEntrySchema, formName, tensorLengths, type FormSpec } from './forms/form.ts';
import { StreamReader, STREAMS, StreamWriter, type StreamLengths, type StreamName } from './forms/streams.ts';
import { compress, decompress, decompressWithin } from './zstd.ts';

/** Value of `taps.encoding`. */
export const PACKED_VERSION = '1';
/** A larger index is refused before it is unpacked. */
export const MAX_INDEX_BYTES = 16 * 1024 * 1024;
/** More numbers than this in one task are refused before anything is allocated for them: 2 GiB as float32. */
export const MAX_PACKED_ELEMENTS = 2 ** 29;

const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const bitsEntry = z.strictObject({ form: z.literal('bits') });
const indexSchema = z.strictObject({
  streams: z.array(z.strictObject({ name: z.enum(STREAMS), bytes: size, packed: z.boolean() })).max(STREAMS.length),
  tensors: z.array(z.strictObject({ key: z.string().min(1), shape: z.array(size).max(8), as: z.union([formEntrySchema, bitsEntry]) })).max(1_000_000),
});
type Index = z.infer<typeof indexSchema>;
type IndexedTensor = Index['tensors'][number];

function malformed(message: string, cause?: unknown): TapsError {
  return new TapsError('model-malformed', `Not a valid task file: ${message}.`, 'Get the file again from where it was made, or learn the task again.', { cause });
}

/**
 * Bytes (masks) are kept as they are; every other tensor is float32, finite and stored as `formOf` says. Reverse: `unpackTensors`.
 * Equal input gives equal bytes with the same version of zstd; what is read back is the same with all of them.
 */
export function packTensors(tensors: ReadonlyMap<string, HostTensor>, formOf: (key: string) => FormSpec): Map<string, HostTensor> {
  const writer = new StreamWriter();
  const entries = [...tensors].map(([key, { shape, data }]): IndexedTensor => {
    if (data instanceof Float32Array) return { key, shape: [...shape], as: encodeTensor({ shape, data }, formOf(key), writer) };
    if (!(data instanceof Uint8Array)) throw new TapsError('internal', `Tensor ${key} is neither float32 nor bytes.`, 'This is a defect: please report it.');
    writer.push('bits', data);
    return { key, shape: [...shape], as: { form: 'bits' } };
  });
  const parts = writer.finish().map(([name, bytes]) => ({ name, ...smaller(bytes) }));
  const index: Index = { streams: parts.map(({ name, bytes, packed }) => ({ name, bytes: bytes.length, packed })), tensors: entries };
  const payload = Buffer.concat(parts.map(({ bytes }) => bytes));
  const text = compress(new TextEncoder().encode(JSON.stringify(index)));
  return new Map<string, HostTensor>([
    ['index', { dtype: 'uint8', shape: [text.length], data: text }],
    ['payload', { dtype: 'uint8', shape: [payload.length], data: new Uint8Array(payload) }],
  ]);
}

function smaller(bytes: Uint8Array): { bytes: Uint8Array; packed: boolean } {
  const frame = compress(bytes);
  return frame.length < bytes.length ? { bytes: frame, packed: true } : { bytes, packed: false };
}

/**
 * The tensors, float32 and masks, in the order in which they were packed.
 * @throws TapsError `model-malformed` for anything but what `packTensors` makes; all lengths are compared before anything is allocated
 */
export function unpackTensors(stored: ReadonlyMap<string, HostTensor>): Map<string, HostTensor> {
  const { index, payload } = readIndex(stored);
  const input = new StreamReader(readStreams(index, payload));
  return new Map(
    index.tensors.map(({ key, shape, as }): [string, HostTensor] => {
      const what = JSON.stringify(key.slice(0, 100));
      if (as.form === 'bits') return [key, { dtype: 'uint8', shape, data: input.take('bits', elementCount(shape)).slice() }];
      return [key, { dtype: 'float32', shape, data: decodeTensor(as, shape, input, what) }];
    }),
  );
}

/** What each tensor is stored as, in words, in the order of the file. @throws TapsError `model-malformed` */
export function packedForms(stored: ReadonlyMap<string, HostTensor>): Map<string, string> {
  const { index } = readIndex(stored);
  return new Map(index.tensors.map(({ key, shape, as }) => [key, as.form === 'bits' ? 'bits' : formName(as, shape)]));
}

function readIndex(stored: ReadonlyMap<string, HostTensor>): { index: Index; payload: Uint8Array } {
  const text = stored.get('index')?.data;
  const payload = stored.get('payload')?.data;
  if (!(text instanceof Uint8Array) || !(payload instanceof Uint8Array) || stored.size !== 2) throw malformed(`it has ${[...stored.keys()].slice(0, 4).join(', ').slice(0, 100)} instead of index and payload`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(decompressWithin(text, MAX_INDEX_BYTES, 'its index')));
  } catch (cause) {
    throw cause instanceof TapsError ? cause : malformed('its index is not JSON', cause);
  }
  const parsed = indexSchema.safeParse(value);
  if (!parsed.success) throw malformed(`its index: ${z.prettifyError(parsed.error).slice(0, 400).replaceAll('\n', ' ')}`, parsed.error);
  checkTensors(parsed.data.tensors);
  return { index: parsed.data, payload };
}

function checkTensors(tensors: readonly IndexedTensor[]): void {
  if (new Set(tensors.map(({ key }) => key)).size !== tensors.length) throw malformed('its index has a tensor twice');
  let total = 0;
  for (const { key, shape, as } of tensors) {
    // Any single size may be huge while another is 0: no partial product may leave the limit either.
    let elements = 1;
    for (const length of shape) elements = Math.max(elements * length, length);
    const what = `${JSON.stringify(key.slice(0, 100))} [${shape.slice(0, 8).join(', ')}]`;
    if (shape.includes(0)) throw malformed(`${what} is empty`);
    total += elements;
    if (total > MAX_PACKED_ELEMENTS) throw malformed(`up to ${what} it has ${String(total)} numbers; the limit is ${String(MAX_PACKED_ELEMENTS)}`);
    if (as.form === 'bits' && shape.length !== 1) throw malformed(`${what} is no list of bytes`);
    if (as.form !== 'sparse') continue;
    if (as.count > elements) throw malformed(`${what} keeps ${String(as.count)} of ${String(elements)} numbers`);
    // Every long gap skips 255 places.
    if (as.gapBytes < as.count || as.gapBytes > as.count + elements / 255) throw malformed(`${what} has ${String(as.gapBytes)} bytes of gaps for ${String(as.count)} of ${String(elements)} numbers`);
  }
}

/** Every stream with exactly the bytes that its tensors take, in the order of the file. */
function readStreams({ streams, tensors }: Index, payload: Uint8Array): Map<StreamName, Uint8Array> {
  const expected: StreamLengths = {};
  const add = (name: StreamName, bytes: number): void => {
    expected[name] = (expected[name] ?? 0) + bytes;
  };
  for (const { shape, as } of tensors) {
    const lengths: StreamLengths = as.form === 'bits' ? { bits: elementCount(shape) } : tensorLengths(as, shape);
    for (const name of STREAMS) add(name, lengths[name] ?? 0);
  }
  const wanted = STREAMS.filter((name) => (expected[name] ?? 0) > 0);
  const names = streams.map(({ name }) => name);
  if (names.join() !== wanted.join()) throw malformed(`it has the streams ${names.join(', ') || 'none'} instead of ${wanted.join(', ') || 'none'}`);
  const declared = streams.reduce((sum, { bytes }) => sum + bytes, 0);
  if (declared !== payload.length) throw malformed(`its streams take ${String(declared)} bytes, its payload has ${String(payload.length)}`);
  let offset = 0;
  return new Map(
    streams.map(({ name, bytes, packed }) => {
      const own = payload.subarray(offset, (offset += bytes));
      const length = expected[name] ?? 0;
      if (packed) return [name, decompress(own, length, `stream ${name}`)];
      if (bytes !== length) throw malformed(`stream ${name} has ${String(bytes)} bytes instead of ${String(length)}`);
      return [name, own];
    }),
  );
}
