/**
 * @file Runs a session and takes its results alone, not the state that it has written.
 *
 * [Note: State is not copied out] The runtime's binding copies every output into a new ArrayBuffer at the end of a run, even one that the
 * caller lent and that has its value already. For a training step those are δ and momentum of every layer: as many bytes as the network
 * has, twice, to allocate, clear, copy and collect again at each step. No option prevents it. But the binding hands outputs over one
 * after the other, in the order of the graph, as properties of a new plain object. So the graph has a marker between results and state,
 * and setting a property of that name ends the handing over: everything has been computed and written by then. A binding that works
 * otherwise never meets the marker's setter, and its outputs are taken as they come: slower, and as right.
 */
import type * as ort from 'onnxruntime-node';
import type { Graph } from '../../graph/types.ts';

const MARKER = 'taps:end-of-results';

/** Not a failure: thrown through the binding by the marker, with the outputs so far. */
class ResultsTaken extends Error {
  readonly results: ort.InferenceSession.OnnxValueMapType;

  constructor(results: ort.InferenceSession.OnnxValueMapType) {
    super('All results of this run have been taken.');
    this.results = results;
  }
}

/** @returns the graph with its results first, then the marker, then what the caller lends memory for */
export function withMarker(graph: Graph, isResult: (output: string) => boolean): Graph {
  const results = graph.outputs.filter(({ name }) => isResult(name));
  const written = graph.outputs.filter(({ name }) => !isResult(name));
  if (written.length === 0) return graph;
  const source = `${MARKER}:value`;
  return {
    ...graph,
    outputs: [...results, { name: MARKER, dtype: 'float32', shape: [1] }, ...written],
    nodes: [...graph.nodes, { name: MARKER, op: 'Identity', inputs: [source], outputs: [MARKER], attributes: {} }],
    initializers: new Map([...graph.initializers, [source, { dtype: 'float32', shape: [1], data: Float32Array.of(0) }]]),
  };
}

/**
 * @param lent outputs and the memory that they are written into
 * @returns results, perhaps with lent outputs among them
 */
export async function runForResults(
  session: ort.InferenceSession,
  inputs: Record<string, ort.Tensor>,
  lent: Record<string, ort.Tensor>,
  results: readonly string[],
): Promise<ort.InferenceSession.OnnxValueMapType> {
  const fetches: Record<string, ort.Tensor | null> = { ...lent };
  for (const name of results) fetches[name] = null;
  if (Object.keys(lent).length > 0) {
    watchForMarker();
    fetches[MARKER] = null;
  }
  try {
    return await session.run(inputs, fetches);
  } catch (error) {
    if (error instanceof ResultsTaken) return error.results;
    throw error;
  }
}

/** The object is made inside the binding, so what it inherits from is the one place to watch. Nothing else sets a property of this name. */
function watchForMarker(): void {
  if (Object.hasOwn(Object.prototype, MARKER)) return;
  Reflect.defineProperty(Object.prototype, MARKER, {
    set(this: ort.InferenceSession.OnnxValueMapType, value: ort.Tensor | null) {
      // Asking for the marker is no handing over.
      if (value === null) Object.defineProperty(this, MARKER, { value, enumerable: true, configurable: true, writable: true });
      else throw new ResultsTaken(this);
    },
    enumerable: false,
    configurable: true,
  });
}
