/** @file Field-by-field reading of protobuf messages, with every length checked against the bytes that are there. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { malformed, MAX_LIST, MAX_NAME_BYTES } from './limits.ts';

/** One field of a message: a number, or the bytes of a nested message, string or packed list. */
export type Field =
  | { number: number; kind: 'varint'; value: bigint }
  | { number: number; kind: 'fixed32'; value: number }
  | { number: number; kind: 'bytes'; value: Uint8Array };

/** Fields in order. Groups and 64-bit fixed fields do not occur in ONNX's messages that we read; they are skipped or refused. */
export function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    let number: number;
    let wireType: WireType;
    try {
      [number, wireType] = reader.tag();
      switch (wireType) {
        case WireType.Varint:
          yield { number, kind: 'varint', value: BigInt(reader.int64()) };
          break;
        case WireType.Bit32:
          yield { number, kind: 'fixed32', value: reader.float() };
          break;
        case WireType.LengthDelimited: {
          const length = reader.uint32();
          if (length > reader.len - reader.pos) throw malformed(`field ${String(number)} claims ${String(length)} bytes, ${String(reader.len - reader.pos)} are there`);
          const start = reader.pos;
          reader.pos = start + length;
          yield { number, kind: 'bytes', value: bytes.subarray(start, start + length) };
          break;
        }
        case WireType.Bit64:
          reader.skip(wireType);
          break;
        default:
          throw malformed(`field ${String(number)} has wire type ${String(wireType)}`);
      }
    } catch (error) {
      if (error instanceof Error && error.name === 'TapsError') throw error;
      throw malformed(error instanceof Error ? error.message : String(error));
    }
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true });

export function text(field: Field): string {
  if (field.kind !== 'bytes') throw malformed(`field ${String(field.number)} should be text`);
  if (field.value.length > MAX_NAME_BYTES) throw malformed(`a name of ${String(field.value.length)} bytes`);
  return longText(field);
}

export function longText(field: Field): string {
  try {
    return decoder.decode(message(field));
  } catch {
    throw malformed(`field ${String(field.number)} is not UTF-8`);
  }
}

export function message(field: Field): Uint8Array {
  if (field.kind !== 'bytes') throw malformed(`field ${String(field.number)} should be a message`);
  return field.value;
}

/** A varint as a JavaScript number; values beyond ±2^53 are refused. */
export function int(field: Field): number {
  if (field.kind !== 'varint') throw malformed(`field ${String(field.number)} should be an integer`);
  const signed = BigInt.asIntN(64, field.value);
  const value = Number(signed);
  if (!Number.isSafeInteger(value)) {
    // Slice ends such as INT64_MAX mean "to the end".
    return signed > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
  }
  return value;
}

/** Adds a repeated integer field, packed or not, to `list`. */
export function pushInts(field: Field, list: number[]): void {
  if (field.kind === 'varint') list.push(int(field));
  else {
    const reader = new BinaryReader(message(field));
    try {
      while (reader.pos < reader.len) {
        list.push(int({ number: field.number, kind: 'varint', value: BigInt(reader.int64()) }));
        if (list.length > MAX_LIST) throw malformed(`a list of more than ${String(MAX_LIST)} integers`);
      }
    } catch (error) {
      if (error instanceof Error && error.name === 'TapsError') throw error;
      throw malformed(error instanceof Error ? error.message : String(error));
    }
  }
  if (list.length > MAX_LIST) throw malformed(`a list of more than ${String(MAX_LIST)} integers`);
}

/** Adds a repeated float field, packed or not, to `list`. */
export function pushFloats(field: Field, list: number[]): void {
  if (field.kind === 'fixed32') list.push(field.value);
  else {
    const bytes = message(field);
    if (bytes.length % 4 !== 0 || bytes.length / 4 > MAX_LIST) throw malformed(`a list of floats of ${String(bytes.length)} bytes`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let offset = 0; offset < bytes.length; offset += 4) list.push(view.getFloat32(offset, true));
  }
}
