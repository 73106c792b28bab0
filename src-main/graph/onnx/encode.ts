/** @file Graph → ONNX bytes: opset 17, IR version 8, which every runtime since 2022 reads. Field numbers are onnx.proto's. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { TapsError } from '../../contract/errors.ts';
import type { HostTensor } from '../../contract/tensors.ts';
import type { AttributeValue, Graph, GraphNode, ValueInfo } from '../types.ts';
import { MAX_FILE_BYTES } from './limits.ts';
import { DATA_TYPES } from './tensor.ts';

export const WRITTEN_OPSET = 17;
export const WRITTEN_IR_VERSION = 8;

type Write = (inner: BinaryWriter) => void;

function nested(out: BinaryWriter, field: number, write: Write): void {
  out.tag(field, WireType.LengthDelimited).fork();
  write(out);
  out.join();
}
function int(out: BinaryWriter, field: number, value: number): void {
  out.tag(field, WireType.Varint).int64(value);
}
function text(out: BinaryWriter, field: number, value: string): void {
  out.tag(field, WireType.LengthDelimited).string(value);
}

function writeTensor(out: BinaryWriter, tensor: HostTensor, name: string): void {
  for (const size of tensor.shape) int(out, 1, size);
  int(out, 2, DATA_TYPES[tensor.dtype]);
  if (name !== '') text(out, 8, name);
  out.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
}

function writeAttribute(out: BinaryWriter, name: string, attribute: AttributeValue): void {
  text(out, 1, name);
  switch (attribute.kind) {
    case 'float':
      out.tag(2, WireType.Bit32).float(attribute.value);
      int(out, 20, 1);
      break;
    case 'int':
      int(out, 3, attribute.value);
      int(out, 20, 2);
      break;
    case 'string':
      text(out, 4, attribute.value);
      int(out, 20, 3);
      break;
    case 'tensor':
      nested(out, 5, (inner) => {
        writeTensor(inner, attribute.value, '');
      });
      int(out, 20, 4);
      break;
    case 'graph':
      nested(out, 6, (body) => {
        for (const node of attribute.value.nodes) {
          nested(body, 1, (inner) => {
            writeNode(inner, node);
          });
        }
        text(body, 2, name);
        for (const output of attribute.value.outputs) {
          nested(body, 12, (inner) => {
            writeValueInfo(inner, output);
          });
        }
      });
      int(out, 20, 5);
      break;
    case 'floats':
      for (const value of attribute.value) out.tag(7, WireType.Bit32).float(value);
      int(out, 20, 6);
      break;
    case 'ints':
      for (const value of attribute.value) int(out, 8, value);
      int(out, 20, 7);
      break;
    case 'strings':
      for (const value of attribute.value) text(out, 9, value);
      int(out, 20, 8);
      break;
  }
}

function writeNode(out: BinaryWriter, node: GraphNode): void {
  for (const input of node.inputs) text(out, 1, input);
  for (const output of node.outputs) text(out, 2, output);
  text(out, 3, node.name);
  text(out, 4, node.op);
  if (node.domain !== undefined) text(out, 7, node.domain);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    nested(out, 5, (inner) => {
      writeAttribute(inner, name, attribute);
    });
  }
}

function writeValueInfo(out: BinaryWriter, info: ValueInfo): void {
  text(out, 1, info.name);
  nested(out, 2, (type) => {
    nested(type, 1, (tensor) => {
      int(tensor, 1, DATA_TYPES[info.dtype]);
      nested(tensor, 2, (shape) => {
        for (const size of info.shape) {
          nested(shape, 1, (dimension) => {
            if (typeof size === 'number') int(dimension, 1, size);
            else text(dimension, 2, size);
          });
        }
      });
    });
  });
}

/**
 * Bytes of a ModelProto. Inverse: `parseOnnx`.
 * @throws TapsError model-unsupported above 2 GB, protobuf's limit
 */
export function serializeOnnx(graph: Graph): Uint8Array<ArrayBuffer> {
  let weightBytes = 0;
  for (const tensor of graph.initializers.values()) weightBytes += tensor.data.byteLength;
  if (weightBytes > MAX_FILE_BYTES - 2 ** 24) {
    throw new TapsError('model-unsupported', `The model has ${String(weightBytes)} bytes of weights; an ONNX file holds 2 GB.`, 'Use a smaller model.');
  }
  const out = new BinaryWriter();
  int(out, 1, WRITTEN_IR_VERSION);
  text(out, 2, 'taps-studio');
  nested(out, 7, (body) => {
    for (const node of graph.nodes) {
      nested(body, 1, (inner) => {
        writeNode(inner, node);
      });
    }
    text(body, 2, graph.name);
    for (const [name, tensor] of graph.initializers) {
      nested(body, 5, (inner) => {
        writeTensor(inner, tensor, name);
      });
    }
    for (const input of graph.inputs) {
      nested(body, 11, (inner) => {
        writeValueInfo(inner, input);
      });
    }
    for (const output of graph.outputs) {
      nested(body, 12, (inner) => {
        writeValueInfo(inner, output);
      });
    }
  });
  nested(out, 8, (opset) => {
    int(opset, 2, WRITTEN_OPSET);
  });
  for (const domain of new Set(graph.nodes.flatMap((node) => node.domain ?? []))) {
    nested(out, 8, (opset) => {
      text(opset, 1, domain);
      int(opset, 2, 1);
    });
  }
  for (const [key, value] of Object.entries(graph.metadata)) {
    nested(out, 14, (pair) => {
      text(pair, 1, key);
      text(pair, 2, value);
    });
  }
  return out.finish();
}
