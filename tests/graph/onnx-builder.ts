/** @file ONNX files made field by field, whatever they claim. Field numbers are onnx.proto's. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

export type Write = (out: BinaryWriter) => void;
export function nested(out: BinaryWriter, field: number, write: Write): void {
  out.tag(field, WireType.LengthDelimited).fork();
  write(out);
  out.join();
}
export const text = (out: BinaryWriter, field: number, value: string): BinaryWriter => out.tag(field, WireType.LengthDelimited).string(value);
export const int = (out: BinaryWriter, field: number, value: number): BinaryWriter => out.tag(field, WireType.Varint).int64(value);

/** A model whose graph and top level are filled by hand. */
export function model(graph: Write, opset = 17, top: Write = () => undefined): Uint8Array {
  const out = new BinaryWriter();
  int(out, 1, 8);
  nested(out, 7, graph);
  nested(out, 8, (inner) => int(inner, 2, opset));
  top(out);
  return out.finish();
}
export const node = (out: BinaryWriter, op: string, more: Write = () => undefined): void => {
  nested(out, 1, (inner) => {
    text(inner, 1, 'input');
    text(inner, 2, 'output');
    text(inner, 4, op);
    more(inner);
  });
};
