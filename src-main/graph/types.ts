/**
 * @file The model graph: ONNX operators with named weights, as plain data.
 * It is the internal form of every model, whatever file it came from.
 */
import type { DType, HostTensor } from '../contract/tensors.ts';

export type AttributeValue =
  | { kind: 'int'; value: number }
  | { kind: 'float'; value: number }
  | { kind: 'string'; value: string }
  | { kind: 'ints'; value: number[] }
  | { kind: 'floats'; value: number[] }
  | { kind: 'strings'; value: string[] }
  | { kind: 'tensor'; value: HostTensor }
  | { kind: 'graph'; value: Subgraph };

/** A branch of a node that chooses (`If`): it has no inputs of its own, but may name any value of the graph around it. Only in graphs that an engine makes for its own runtime. */
export interface Subgraph {
  nodes: GraphNode[];
  outputs: ValueInfo[];
}

export interface GraphNode {
  /** Unique in the graph; given by the reader where the file has none. */
  name: string;
  /** Operator of the default ONNX domain, opset 17 semantics (see graph/canonical). */
  op: string;
  /** Only in graphs that an engine makes for its own runtime: that runtime's operators. No file is read or exported with one. */
  domain?: string;
  /** Value names; '' stands for an omitted optional input. */
  inputs: string[];
  outputs: string[];
  attributes: Record<string, AttributeValue>;
}

/** A dimension is a size, or a symbol such as 'batch' for one that is only known when the graph runs. */
export type Dimension = number | string;

export interface ValueInfo {
  name: string;
  dtype: DType;
  shape: Dimension[];
}

export interface Graph {
  name: string;
  /** Exactly one image input, NCHW float32 [batch, 3, H, W]; H and W may be symbols. */
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  /** In topological order. */
  nodes: GraphNode[];
  /** Named weights and constants. Insertion order is the file's order. */
  initializers: Map<string, HostTensor>;
  /** `metadata_props` of the file. */
  metadata: Record<string, string>;
}

/**
 * What a weight is for the adaptation methods.
 * - `gated`: weight of a convolution or matrix product outside the head; TAPS puts one gate on each.
 * - `norm-affine`: scale or shift of a normalisation.
 * - `norm-statistic`: running mean or variance of a batch normalisation (no gradient).
 * - `bias`: additive vector of a gated layer, or any other small additive float parameter.
 * - `embedding`: class token, position embedding, layer scale and other free-standing float parameters.
 * - `head`: weight or bias of the classifier.
 * - `constant`: anything else (shape tensors, scalars); never trained.
 */
export type ParameterRole =
  | 'gated'
  | 'norm-affine'
  | 'norm-statistic'
  | 'bias'
  | 'embedding'
  | 'head'
  | 'constant';

export interface Parameter {
  /** Name of the initializer. */
  name: string;
  role: ParameterRole;
  shape: readonly number[];
  /** Node that consumes it first, for display and ordering. */
  nodeName: string;
  nodeOp: string;
  /** Index of that node in `graph.nodes`: gated parameters are numbered in forward order. */
  nodeIndex: number;
}

/** Where the classifier is, so that a new one can take its place. */
export interface HeadLocation {
  /** Value that feeds the classifier: [batch, features]. */
  featureValue: string;
  /** Length of the feature vector. */
  features: number;
  /** Number of classes of the base's own head; 0 when the base has none. */
  classes: number;
  /** Initializers of the base's own head (weight first, then bias where present). */
  parameterNames: string[];
  /** Nodes from the classifier to the output (Gemm or MatMul + Add, then Softmax where present). */
  nodeNames: string[];
}

/** A base as the rest of the program sees it: the graph and what was found in it. */
export interface BaseModel {
  graph: Graph;
  parameters: Parameter[];
  head: HeadLocation;
}
