/**
 * @file State that a step may write over while it reads it.
 *
 * [Note: Writing in place] A training step reads δ and momentum once more when it writes their next values, element by element. Where
 * nothing reads the old value after that, the new one takes its place: no second copy of the state, and less memory to fetch. The runtime
 * runs nodes in any order in which inputs come first, so "after" must be a matter of inputs: every other reader has to be an ancestor
 * of the node that writes. Where one is not (⟨G, δ⟩, the gradient of a score) but leads to a single number, the writing node is made to
 * wait for that number: the rate that it multiplies by becomes Where(rate is NaN, number, rate), which is the rate.
 */
import { elementCount } from '../../contract/tensors.ts';
import { namesRead } from '../../graph/subgraphs.ts';
import type { Graph, GraphNode } from '../../graph/types.ts';

/** Read element i of an input before they write element i of the output, and no other. */
const ELEMENTWISE = new Set(['Add', 'Sub', 'Mul', 'Div', 'If']);
/** Their output may be the input's memory under another name. */
const VIEWS = new Set(['Reshape', 'Identity', 'Transpose', 'Squeeze', 'Unsqueeze', 'Flatten', 'Cast', 'Expand']);
/** Of single numbers they make single numbers. */
const SCALAR = new Set(['Add', 'Sub', 'Mul', 'Div', 'Sqrt', 'Exp', 'Neg', 'Where']);

export interface StateUpdate {
  /** Name of the input with the old value. */
  old: string;
  /** Name of the output with the new one, of the same shape. */
  updated: string;
}

/** Elements from which memory is worth a look at the graph. */
const LARGE = 2 ** 12;

/** @returns the graph, in which nodes may wait for more than before, and `old` of the updates that may then be written in place */
export function writeInPlace(graph: Graph, updates: readonly StateUpdate[]): { graph: Graph; inPlace: Set<string> } {
  const large = new Set(graph.outputs.filter(({ shape }) => elementCount(shape.map(Number)) >= LARGE).map(({ name }) => name));
  const order = new Order(graph);
  const inPlace = new Set(updates.filter(({ updated }) => large.has(updated)).filter((update) => order.letWriteOver(update)).map(({ old }) => old));
  return { graph: { ...graph, nodes: order.sorted() }, inPlace };
}

interface Place {
  node: GraphNode;
  /** Those that make what it reads. */
  after: Place[];
  readers: Place[];
  /** The last search that came by. */
  seen: number;
}

class Order {
  readonly #graph: Graph;
  readonly #places: Place[] = [];
  readonly #producer = new Map<string, Place>();
  /** Of inputs of the graph. */
  readonly #inputReaders = new Map<string, Place[]>();
  #search = 0;

  constructor(graph: Graph) {
    this.#graph = graph;
    for (const node of graph.nodes) this.#add({ ...node, inputs: [...node.inputs] });
  }

  #add(node: GraphNode): Place {
    const place: Place = { node, after: [], readers: [], seen: 0 };
    this.#places.push(place);
    for (const output of node.outputs) this.#producer.set(output, place);
    for (const name of new Set(namesRead(node))) this.#connect(place, name);
    return place;
  }

  #connect(place: Place, name: string): void {
    const producer = this.#producer.get(name);
    if (producer === undefined) {
      this.#inputReaders.set(name, [...(this.#inputReaders.get(name) ?? []), place]);
      return;
    }
    place.after.push(producer);
    producer.readers.push(place);
  }

  letWriteOver({ old, updated }: StateUpdate): boolean {
    const writer = this.#producer.get(updated);
    if (writer === undefined) return false;
    const readers = readersUnderAnyName(this.#inputReaders.get(old) ?? []);
    // Through a view it would read another element's place.
    if (readers.has(writer) && !(ELEMENTWISE.has(writer.node.op) && namesRead(writer.node).includes(old))) return false;
    return [...readers].every((reader) => reader === writer || this.#isAfter(writer, reader) || this.#waitFor(writer, reader));
  }

  /** Whether `late` cannot run before `early` has: whether it is reached from it. */
  #isAfter(late: Place, early: Place): boolean {
    const search = ++this.#search;
    const pending = [late];
    for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
      if (place === early) return true;
      if (place.seen === search) continue;
      place.seen = search;
      pending.push(...place.after);
    }
    return false;
  }

  /** Makes `writer` run after `reader`, if that leads to a number and the writer takes the product of something with another number. */
  #waitFor(writer: Place, reader: Place): boolean {
    const number = this.#numberFrom(reader);
    const product = writer.after.map(madeBy).find(({ node }) => node.op === 'Mul' && node.inputs.some((name) => this.#isNumber(name)));
    const rate = product?.node.inputs.findIndex((name) => this.#isNumber(name));
    if (number === undefined || product === undefined || rate === undefined || this.#isAfter(number, product)) return false;
    const [name = '', [value = '']] = [product.node.inputs[rate], number.node.outputs];
    const check = `${product.node.name}_${number.node.name}`;
    this.#add({ name: `${check}_IsNaN`, op: 'IsNaN', inputs: [name], outputs: [check], attributes: {} });
    this.#add({ name: `${check}_Where`, op: 'Where', inputs: [check, value, name], outputs: [`${check}_rate`], attributes: {} });
    product.node.inputs[rate] = `${check}_rate`;
    this.#connect(product, `${check}_rate`);
    return true;
  }

  /** What makes a single number of the place's output, by way of one reader after the other. */
  #numberFrom(place: Place): Place | undefined {
    if (this.#isNumber(place.node.outputs[0] ?? '')) return place;
    const [reader] = place.readers;
    return reader === undefined || place.readers.length > 1 ? undefined : this.#numberFrom(reader);
  }

  /** Known to be of shape []. */
  #isNumber(name: string): boolean {
    const node = this.#producer.get(name)?.node;
    if (node === undefined) return (this.#graph.inputs.find((input) => input.name === name)?.shape ?? this.#graph.initializers.get(name)?.shape)?.length === 0;
    if (node.op === 'ReduceSum') return node.inputs.length === 1 && node.attributes['keepdims']?.kind === 'int' && node.attributes['keepdims'].value === 0;
    return SCALAR.has(node.op) && node.inputs.every((input) => this.#isNumber(input));
  }

  /** Producers before readers, otherwise as they were. */
  sorted(): GraphNode[] {
    const search = ++this.#search;
    const result: GraphNode[] = [];
    for (const start of this.#places) {
      const stack = [start];
      for (let place = stack.at(-1); place !== undefined; place = stack.at(-1)) {
        const missing = place.seen === search ? [] : place.after.filter(({ seen }) => seen !== search);
        stack.push(...missing);
        if (missing.length > 0) continue;
        stack.pop();
        if (place.seen === search) continue;
        place.seen = search;
        result.push(place.node);
      }
    }
    return result;
  }
}

/** What makes the value that a view shows. */
function madeBy(place: Place): Place {
  const [behind] = place.after;
  return VIEWS.has(place.node.op) && behind !== undefined ? madeBy(behind) : place;
}

function readersUnderAnyName(direct: readonly Place[]): Set<Place> {
  const found = new Set<Place>();
  const pending = [...direct];
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    if (found.has(place)) continue;
    found.add(place);
    if (VIEWS.has(place.node.op)) pending.push(...place.readers);
  }
  return found;
}
