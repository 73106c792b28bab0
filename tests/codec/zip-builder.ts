/** @file Zip archives byte by byte, so that tests can lie in every field. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  name: string | Buffer;
  data?: Uint8Array | string;
  /** 8 packs, 0 stores. */
  method?: number;
  /** Claims; default: the truth. */
  bytes?: number;
  packedBytes?: number;
  crc?: number;
  offset?: number;
  /** Unix mode with file type. */
  mode?: number;
  flags?: number;
  /** Extra field of the central directory. */
  extra?: Buffer;
}

const UTF8 = 0x800;

function header(signature: number, fields: [value: number, size: 2 | 4][]): Buffer {
  const out = Buffer.alloc(4 + fields.reduce((sum, [, size]) => sum + size, 0));
  out.writeUInt32LE(signature);
  let at = 4;
  for (const [value, size] of fields) at = out.writeUIntLE(value, at, size);
  return out;
}

export function zip(entries: readonly ZipEntry[], { count = entries.length } = {}): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.isBuffer(entry.name) ? entry.name : Buffer.from(entry.name);
    const data = Buffer.from(entry.data ?? '');
    const { method = 8, flags = UTF8, extra = Buffer.alloc(0) } = entry;
    const packed = method === 8 ? deflateRawSync(data) : data;
    const crc = entry.crc ?? crc32(data);
    const [packedBytes, bytes] = [entry.packedBytes ?? packed.length, entry.bytes ?? data.length];
    const shared: [number, 2 | 4][] = [[20, 2], [flags, 2], [method, 2], [0, 2], [0, 2], [crc, 4], [packedBytes, 4], [bytes, 4], [name.length, 2]];
    const local = Buffer.concat([header(0x04034b50, [...shared, [0, 2]]), name, packed]);
    const attributes = entry.mode === undefined ? 0 : entry.mode * 0x10000;
    central.push(Buffer.concat([header(0x02014b50, [[entry.mode === undefined ? 20 : 0x314, 2], ...shared, [extra.length, 2], [0, 2], [0, 2], [0, 2], [attributes, 4], [entry.offset ?? offset, 4]]), name, extra]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  return Buffer.concat([...locals, directory, header(0x06054b50, [[0, 2], [0, 2], [count, 2], [count, 2], [directory.length, 4], [offset, 4], [0, 2]])]);
}

/** Info-ZIP Unicode Path: says that the entry has another name than its header. */
export function unicodePath(headerName: string, name: string): Buffer {
  const text = Buffer.from(name);
  const field = Buffer.alloc(9 + text.length);
  field.writeUInt16LE(0x7075, 0);
  field.writeUInt16LE(5 + text.length, 2);
  field[4] = 1;
  field.writeUInt32LE(crc32(Buffer.from(headerName)), 5);
  text.copy(field, 9);
  return field;
}
