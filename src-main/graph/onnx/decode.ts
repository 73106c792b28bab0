/** @file ONNX bytes → the file's own operators and names, whatever its opset. Strict; canonicalisation follows. */
import type { HostTensor } from '../../contract/tensors.ts';
import type { AttributeValue, Dimension, GraphNode, ValueInfo } from '../types.ts';
import { malformed, MAX_FILE_BYTES, MAX_INITIALIZERS, MAX_METADATA_BYTES, MAX_NODES, unsupported } from './limits.ts';
import { decodeTensor, dtypeOf } from './tensor.ts';
import { fieldsOf, int, longText, message, pushFloats, pushInts, text } from './wire.ts';

export interface RawModel {
  opset: number;
  name: string;
  nodes: GraphNode[];
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  initializers: Map<string, HostTensor>;
  metadata: Record<string, string>;
}

export const OLDEST_OPSET = 9;
export const NEWEST_OPSET = 21;

/** @throws TapsError model-malformed or model-unsupported */
export function decodeModel(bytes: Uint8Array): RawModel {
  if (bytes.length > MAX_FILE_BYTES) throw malformed(`${String(bytes.length)} bytes, more than an ONNX file can hold`);
  if (bytes.length === 0) throw malformed('it is empty');
  let graph: Uint8Array | undefined;
  let opset = 0;
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const field of fieldsOf(bytes)) {
    switch (field.number) {
      case 7:
        if (graph !== undefined) throw malformed('two graphs');
        graph = message(field);
        break;
      case 8: {
        const { domain, version } = decodeOpset(message(field));
        // Exporters and optimisers list domains that no node uses; a node that does is refused by name.
        if (domain === '' || domain === 'ai.onnx') opset = version;
        break;
      }
      case 14: {
        const [key, value] = decodePair(message(field));
        metadata[key] = value;
        break;
      }
      case 20:
        throw unsupported('training information', 'Export the model for inference.');
      case 25:
        throw unsupported('local functions', 'Export the model with functions inlined.');
      default:
        break;
    }
  }
  if (graph === undefined) throw malformed('it has no graph (is this an ONNX file?)');
  if (opset < OLDEST_OPSET || opset > NEWEST_OPSET) {
    throw unsupported(`opset ${String(opset)}`, `Export the model with an opset from ${String(OLDEST_OPSET)} to ${String(NEWEST_OPSET)}.`);
  }
  return { ...decodeGraph(graph), opset, metadata };
}

function decodeOpset(bytes: Uint8Array): { domain: string; version: number } {
  let domain = '';
  let version = 0;
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) domain = text(field);
    else if (field.number === 2) version = int(field);
  }
  return { domain, version };
}

function decodePair(bytes: Uint8Array): [string, string] {
  if (bytes.length > MAX_METADATA_BYTES) throw malformed(`a metadata entry of ${String(bytes.length)} bytes`);
  let key = '';
  let value = '';
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) key = text(field);
    else if (field.number === 2) value = longText(field);
  }
  return [key, value];
}

function decodeGraph(bytes: Uint8Array): Omit<RawModel, 'opset' | 'metadata'> {
  const nodes: GraphNode[] = [];
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const initializers = new Map<string, HostTensor>();
  let name = '';
  for (const field of fieldsOf(bytes)) {
    switch (field.number) {
      case 1:
        if (nodes.length >= MAX_NODES) throw malformed(`more than ${String(MAX_NODES)} nodes`);
        nodes.push(decodeNode(message(field), nodes.length));
        break;
      case 2:
        name = text(field);
        break;
      case 5: {
        if (initializers.size >= MAX_INITIALIZERS) throw malformed(`more than ${String(MAX_INITIALIZERS)} tensors`);
        const { name: tensorName, tensor } = decodeTensor(message(field));
        if (initializers.has(tensorName)) throw malformed(`two tensors named ${tensorName}`);
        initializers.set(tensorName, tensor);
        break;
      }
      case 11:
        inputs.push(decodeValueInfo(message(field)));
        break;
      case 12:
        outputs.push(decodeValueInfo(message(field)));
        break;
      case 15:
        throw unsupported('sparse tensors', 'Export the model with dense weights.');
      default:
        break;
    }
  }
  return { name, nodes, inputs, outputs, initializers };
}

function decodeNode(bytes: Uint8Array, index: number): GraphNode {
  const node: GraphNode = { name: '', op: '', inputs: [], outputs: [], attributes: {} };
  let domain = '';
  for (const field of fieldsOf(bytes)) {
    switch (field.number) {
      case 1:
        node.inputs.push(text(field));
        break;
      case 2:
        node.outputs.push(text(field));
        break;
      case 3:
        node.name = text(field);
        break;
      case 4:
        node.op = text(field);
        break;
      case 5: {
        const [name, value] = decodeAttribute(message(field));
        if (value !== undefined) Object.defineProperty(node.attributes, name, { value, enumerable: true, writable: true, configurable: true });
        break;
      }
      case 7:
        domain = text(field);
        break;
      default:
        break;
    }
  }
  if (domain !== '' && domain !== 'ai.onnx') throw unsupported(`the operator ${domain}.${node.op}`, 'Export the model with standard ONNX operators only.');
  if (node.op === '') throw malformed(`node ${String(index)} has no operator`);
  if (node.name === '') node.name = `${node.op}_${String(index)}`;
  return node;
}

function decodeAttribute(bytes: Uint8Array): [string, AttributeValue | undefined] {
  let name = '';
  let type = 0;
  let float = 0;
  let integer = 0;
  let string = '';
  let tensor: HostTensor | undefined;
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  for (const field of fieldsOf(bytes)) {
    switch (field.number) {
      case 1:
        name = text(field);
        break;
      case 2:
        if (field.kind !== 'fixed32') throw malformed(`attribute ${name} is not a float`);
        float = field.value;
        break;
      case 3:
        integer = int(field);
        break;
      case 4:
        string = longText(field);
        break;
      case 5:
        tensor = decodeTensor(message(field)).tensor;
        break;
      case 6:
      case 11:
        throw unsupported('control flow (If, Loop or Scan)', 'Export the model as a plain graph, in evaluation mode.');
      case 7:
        pushFloats(field, floats);
        break;
      case 8:
        pushInts(field, ints);
        break;
      case 9:
        strings.push(longText(field));
        break;
      case 20:
        type = int(field);
        break;
      case 22:
      case 23:
        throw unsupported('sparse tensors', 'Export the model with dense weights.');
      default:
        break;
    }
  }
  switch (type) {
    case 1:
      return [name, { kind: 'float', value: float }];
    case 2:
      return [name, { kind: 'int', value: integer }];
    case 3:
      return [name, { kind: 'string', value: string }];
    case 4:
      if (tensor === undefined) throw malformed(`attribute ${name} has no tensor`);
      return [name, { kind: 'tensor', value: tensor }];
    case 6:
      return [name, { kind: 'floats', value: floats }];
    case 7:
      return [name, { kind: 'ints', value: ints }];
    case 8:
      return [name, { kind: 'strings', value: strings }];
    default:
      throw unsupported(`attribute ${name} of type ${String(type)}`, 'Export the model with standard ONNX operators only.');
  }
}

function decodeValueInfo(bytes: Uint8Array): ValueInfo {
  let name = '';
  let dtype: ValueInfo['dtype'] = 'float32';
  let shape: Dimension[] = [];
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) name = text(field);
    if (field.number !== 2) continue;
    for (const kind of fieldsOf(message(field))) {
      if (kind.number !== 1) throw unsupported(`the input or output ${name}, which is not a tensor`, 'Export the model with tensors as inputs and outputs.');
      for (const part of fieldsOf(message(kind))) {
        if (part.number === 1) dtype = dtypeOf(int(part), name);
        if (part.number === 2) shape = decodeShape(message(part));
      }
    }
  }
  return { name, dtype, shape };
}

function decodeShape(bytes: Uint8Array): Dimension[] {
  const shape: Dimension[] = [];
  for (const field of fieldsOf(bytes)) {
    if (field.number !== 1) continue;
    let dimension: Dimension = `unknown_${String(shape.length)}`;
    for (const part of fieldsOf(message(field))) {
      if (part.number === 1) dimension = int(part);
      if (part.number === 2) dimension = text(part);
    }
    shape.push(dimension === 0 || dimension === -1 ? `unknown_${String(shape.length)}` : dimension);
  }
  return shape;
}
