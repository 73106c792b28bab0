/**
 * @file Several tasks of one base → one graph that computes once whatever they have in common.
 *
 * Every task's own merged graph is walked in order; a node whose operator, attributes and inputs are those of a node that is there
 * already is that node. Weights are the same when their numbers are. So tasks share exactly the part below the first layer in
 * which they differ, in pairs and groups too, without anybody having to know where that is.
 */
import { TapsError } from '../../contract/errors.ts';
import type { HostTensor } from '../../contract/tensors.ts';
import type { TaskArtifact } from '../../contract/training.ts';
import type { Graph, GraphNode, ValueInfo } from '../types.ts';

export interface TaskGraph {
  /** Unique; names the output, `logits.<name>`. */
  name: string;
  /** From `applyArtifact`: one image input, one output [batch, classes]. */
  graph: Graph;
}

export interface CombinedGraph {
  graph: Graph;
  /** Nodes of all tasks together, and those that are left because they are common. */
  nodes: { separate: number; combined: number };
  /** Of every initializer, the name that it has in the graph of its task. */
  origins: ReadonlyMap<string, string>;
}

/** Name of a task's output in a combined graph. */
export function outputOf(taskName: string): string {
  return `logits.${taskName}`;
}

export interface NamedArtifact {
  name: string;
  artifact: TaskArtifact;
}

/**
 * `metadata_props` of a file with several tasks: what all have in common as in a file with one, and `taps.tasks`, JSON.
 * @throws TapsError `invalid-config` when the tasks want their pictures prepared differently
 */
export function combinedMetadata(tasks: readonly NamedArtifact[]): Record<string, string> {
  const [first] = tasks;
  if (first === undefined) return {};
  const { preprocessing, baseId } = first.artifact;
  const other = tasks.find(({ artifact }) => JSON.stringify(artifact.preprocessing) !== JSON.stringify(preprocessing));
  if (other !== undefined) {
    throw new TapsError('invalid-config', `Task ${JSON.stringify(other.name)} wants pictures as ${JSON.stringify(other.artifact.preprocessing)}, ${JSON.stringify(first.name)} as ${JSON.stringify(preprocessing)}.`, 'One file has one image input: export tasks that were learnt at the same image size.');
  }
  return {
    producer: 'taps-studio',
    task: 'classify',
    imgsz: JSON.stringify([preprocessing.imageSize, preprocessing.imageSize]),
    mean: JSON.stringify(preprocessing.mean),
    std: JSON.stringify(preprocessing.std),
    'taps.preprocessing': JSON.stringify(preprocessing),
    'taps.base': baseId,
    'taps.tasks': JSON.stringify(tasks.map(({ name, artifact: { classNames, method } }) => ({ name, output: outputOf(name), classNames, method }))),
  };
}

/** @throws TapsError `invalid-config` for equal names or tasks with inputs of different shapes */
export function combineTasks(tasks: readonly TaskGraph[]): CombinedGraph {
  const [first] = tasks;
  if (first === undefined) throw new TapsError('invalid-config', 'No task was named.', 'Name at least one task.');
  const repeated = tasks.find(({ name }, index) => tasks.findIndex((other) => other.name === name) !== index);
  if (repeated !== undefined) throw new TapsError('invalid-config', `Task ${JSON.stringify(repeated.name)} is named twice.`, 'Name every task once.');
  const input = onlyInput(first);
  const combination = new Combination(input);
  for (const task of tasks) {
    const own = onlyInput(task);
    if (JSON.stringify(own.shape.slice(1)) !== JSON.stringify(input.shape.slice(1))) {
      throw new TapsError('invalid-config', `Task ${JSON.stringify(task.name)} takes pictures [${own.shape.slice(1).join(', ')}], ${JSON.stringify(first.name)} [${input.shape.slice(1).join(', ')}].`, 'One file has one image input: export tasks of one base that were learnt at the same image size.');
    }
    combination.add(task, own.name);
  }
  const graph: Graph = { name: 'taps-tasks', inputs: [input], outputs: combination.outputs, nodes: combination.nodes, initializers: combination.initializers, metadata: {} };
  return { graph, nodes: { separate: tasks.reduce((sum, { graph: { nodes } }) => sum + nodes.length, 0), combined: combination.nodes.length }, origins: combination.origins };
}

class Combination {
  readonly nodes: GraphNode[] = [];
  readonly initializers = new Map<string, HostTensor>();
  readonly outputs: ValueInfo[] = [];
  readonly origins = new Map<string, string>();
  readonly #input: string;
  /** Outputs of the node that does what the key says. */
  readonly #known = new Map<string, string[]>();
  /** Combined names of the initializers that had this name in some task. */
  readonly #versions = new Map<string, string[]>();
  readonly #values: Set<string>;
  readonly #nodeNames = new Set<string>();

  constructor(input: ValueInfo) {
    this.#input = input.name;
    this.#values = new Set([input.name]);
  }

  add({ name: task, graph }: TaskGraph, inputName: string): void {
    const renamed = new Map([['', ''], [inputName, this.#input]]);
    for (const [name, tensor] of graph.initializers) renamed.set(name, this.#initializer(name, tensor, task));
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((input) => renamed.get(input) ?? input);
      const key = JSON.stringify([node.domain ?? '', node.op, inputs, node.attributes], withNumbers);
      const outputs = this.#known.get(key) ?? this.#emit({ ...node, inputs }, task, key);
      node.outputs.forEach((output, index) => renamed.set(output, outputs[index] ?? ''));
    }
    for (const output of graph.outputs) {
      // A copy under the task's own name: the value itself may be that of another task too.
      this.#emit({ name: outputOf(task), op: 'Identity', inputs: [renamed.get(output.name) ?? output.name], outputs: [outputOf(task)], attributes: {} }, task, `output:${task}`);
      this.outputs.push({ ...output, name: outputOf(task) });
    }
  }

  #initializer(name: string, tensor: HostTensor, task: string): string {
    const versions = this.#versions.get(name) ?? [];
    const same = versions.find((version) => isSame(this.initializers.get(version), tensor));
    if (same !== undefined) return same;
    const chosen = unlike(name, task, this.#values);
    this.#values.add(chosen);
    this.initializers.set(chosen, tensor);
    this.origins.set(chosen, name);
    this.#versions.set(name, [...versions, chosen]);
    return chosen;
  }

  #emit(node: GraphNode, task: string, key: string): string[] {
    const outputs = node.outputs.map((output) => {
      if (output === '') return '';
      const chosen = unlike(output, task, this.#values);
      this.#values.add(chosen);
      return chosen;
    });
    const name = unlike(node.name, task, this.#nodeNames);
    this.#nodeNames.add(name);
    this.nodes.push({ ...node, name, outputs });
    this.#known.set(key, outputs);
    return outputs;
  }
}

function onlyInput({ name, graph: { inputs } }: TaskGraph): ValueInfo {
  const [input] = inputs;
  if (input === undefined) throw new TapsError('model-malformed', `The model of task ${JSON.stringify(name)} has no input.`, 'Import its base again.');
  return input;
}

/** The name itself, else with the task's behind it. */
function unlike(name: string, task: string, taken: ReadonlySet<string>): string {
  let chosen = name;
  while (taken.has(chosen)) chosen = `${chosen}@${task}`;
  return chosen;
}

/** Bit for bit, so that a common part gives every task what its own gave. */
function isSame(a: HostTensor | undefined, b: HostTensor): boolean {
  if (a === undefined || a.dtype !== b.dtype || a.data.length !== b.data.length) return false;
  if (a.shape.length !== b.shape.length || a.shape.some((size, axis) => size !== b.shape[axis])) return false;
  return a.data === b.data || a.data.every((value: number | bigint, index: number) => Object.is(value, b.data[index]));
}

/** Typed arrays and whole 64-bit numbers in a key. */
function withNumbers(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${String(value)}n`;
  return ArrayBuffer.isView(value) ? [...(value as unknown as Iterable<unknown>)] : value;
}
