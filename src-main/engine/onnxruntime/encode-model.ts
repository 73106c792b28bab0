/**
 * @file Writes a lowered step as ONNX protobuf bytes for the runtime, straight from the node list. Field numbers are
 * those of onnx.proto (opset 17, IR 8). The general reader and writer of model files is in graph/onnx.
 */
import type { AttributeValue, Graph, GraphNode, ValueInfo } from '../../graph/types.ts';
import type { DType, HostTensor } from '../../contract/tensors.ts';

const DATA_TYPES: Record<DType, number> = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 };

class Writer {
  readonly parts: Uint8Array[] = [];
  length = 0;

  raw(bytes: Uint8Array): void {
    this.parts.push(bytes);
    this.length += bytes.length;
  }
  varint(value: number | bigint): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    const bytes: number[] = [];
    do {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      bytes.push(rest === 0n ? low : low | 0x80);
    } while (rest !== 0n);
    this.raw(Uint8Array.from(bytes));
  }
  int(field: number, value: number | bigint): void {
    this.varint(field * 8);
    this.varint(value);
  }
  float(field: number, value: number): void {
    this.varint(field * 8 + 5);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.raw(bytes);
  }
  bytes(field: number, value: Uint8Array): void {
    this.varint(field * 8 + 2);
    this.varint(value.length);
    this.raw(value);
  }
  text(field: number, value: string): void {
    this.bytes(field, Buffer.from(value, 'utf8'));
  }
  message(field: number, write: (inner: Writer) => void): void {
    const inner = new Writer();
    write(inner);
    this.varint(field * 8 + 2);
    this.varint(inner.length);
    for (const part of inner.parts) this.raw(part);
  }
  finish(): Uint8Array {
    const all = new Uint8Array(this.length);
    let offset = 0;
    for (const part of this.parts) {
      all.set(part, offset);
      offset += part.length;
    }
    return all;
  }
}

function writeTensor(out: Writer, tensor: HostTensor, name: string): void {
  for (const size of tensor.shape) out.int(1, size);
  out.int(2, DATA_TYPES[tensor.dtype]);
  if (name !== '') out.text(8, name);
  out.bytes(9, new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
}

function writeAttribute(out: Writer, name: string, attribute: AttributeValue): void {
  out.text(1, name);
  switch (attribute.kind) {
    case 'float':
      out.float(2, attribute.value);
      out.int(20, 1);
      break;
    case 'int':
      out.int(3, attribute.value);
      out.int(20, 2);
      break;
    case 'string':
      out.text(4, attribute.value);
      out.int(20, 3);
      break;
    case 'tensor':
      out.message(5, (inner) => {
        writeTensor(inner, attribute.value, '');
      });
      out.int(20, 4);
      break;
    case 'floats':
      for (const value of attribute.value) out.float(7, value);
      out.int(20, 6);
      break;
    case 'ints':
      for (const value of attribute.value) out.int(8, value);
      out.int(20, 7);
      break;
    case 'strings':
      for (const value of attribute.value) out.text(9, value);
      out.int(20, 8);
      break;
  }
}

function writeNode(out: Writer, node: GraphNode): void {
  for (const input of node.inputs) out.text(1, input);
  for (const output of node.outputs) out.text(2, output);
  out.text(3, node.name);
  out.text(4, node.op);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    out.message(5, (inner) => {
      writeAttribute(inner, name, attribute);
    });
  }
}

function writeValueInfo(out: Writer, info: ValueInfo): void {
  out.text(1, info.name);
  out.message(2, (type) => {
    type.message(1, (tensor) => {
      tensor.int(1, DATA_TYPES[info.dtype]);
      tensor.message(2, (shape) => {
        for (const size of info.shape) {
          shape.message(1, (dimension) => {
            if (typeof size === 'number') dimension.int(1, size);
            else dimension.text(2, size);
          });
        }
      });
    });
  });
}

/** Bytes of a ModelProto. The largest model is 2 GB, protobuf's limit. */
export function encodeModel(graph: Graph): Uint8Array {
  const out = new Writer();
  out.int(1, 8);
  out.text(2, 'taps-studio');
  out.message(7, (body) => {
    for (const node of graph.nodes) {
      body.message(1, (inner) => {
        writeNode(inner, node);
      });
    }
    body.text(2, graph.name);
    for (const [name, tensor] of graph.initializers) {
      body.message(5, (inner) => {
        writeTensor(inner, tensor, name);
      });
    }
    for (const input of graph.inputs) {
      body.message(11, (inner) => {
        writeValueInfo(inner, input);
      });
    }
    for (const output of graph.outputs) {
      body.message(12, (inner) => {
        writeValueInfo(inner, output);
      });
    }
  });
  out.message(8, (opset) => {
    opset.int(2, 17);
  });
  return out.finish();
}
