/**
 * @file Engine `webgpu`: a step is traced once, cut into segments, lowered to graphs for a GPU and replayed by onnxruntime's WebGPU
 * provider (Vulkan, Metal or Direct3D 12). State stays on the GPU between steps. Belongs in a child process: computing blocks.
 */
import * as ort from 'onnxruntime-node';
import type { FloatTensor } from '../../contract/tensors.ts';
import { serializeOnnx } from '../../graph/onnx/encode.ts';
import { lowerTrace } from '../lowering/lower.ts';
import { feedName, newName, resultName, stateName, traceStep } from '../tracing/trace-step.ts';
import type { ActivationLayout, CompiledStep, Engine, EngineState, StepSpec } from '../types.ts';
import { gpuFailure } from './failures.ts';
import { lowerCallForGpu } from './lower-gpu.ts';
import { cutIntoSegments, type Segment } from './segments.ts';
import { gpuSession } from './session.ts';
import { GpuState } from './state.ts';
import { Transfers } from './transfers.ts';

export interface GpuOptions {
  /** Longest that one submission should keep a weak GPU busy, in milliseconds (see segments.ts). 1..60000. */
  submissionMs: number;
}

export const DEFAULT_SUBMISSION_MS = 500;

export class GpuEngine implements Engine {
  readonly id = 'webgpu';
  readonly description: string;
  readonly layout: ActivationLayout = 'nchw';
  readonly #options: GpuOptions;
  readonly #transfers = new Transfers();

  /** @param adapter as a person knows it */
  constructor(adapter: string, options: GpuOptions) {
    this.#options = options;
    this.description = `onnxruntime ${ort.env.versions.common} on WebGPU: ${adapter}`;
  }

  createState(initial: Record<string, FloatTensor>): EngineState {
    return new GpuState(initial, this.#transfers);
  }

  async compile(spec: StepSpec, state: EngineState): Promise<CompiledStep> {
    if (!(state instanceof GpuState)) throw new Error('A state of another engine.');
    const started = performance.now();
    const { trace, constants } = traceStep(spec, state, this.layout);
    const parts: Part[] = [];
    for (const segment of cutIntoSegments(trace, this.#options.submissionMs / 1000)) parts.push(await makePart(`${spec.name} ${String(parts.length + 1)}`, segment, constants));
    return new GpuStep(spec, state, withLastUses(parts), performance.now() - started);
  }

  dispose(): void {
    this.#transfers.dispose();
  }
}

interface Part {
  session: ort.InferenceSession;
  inputs: string[];
  outputs: string[];
  /** Values between segments that nothing reads after this one. */
  dies: string[];
}

async function makePart(name: string, { trace }: Segment, constants: Record<string, FloatTensor>): Promise<Part> {
  const graph = lowerTrace(name, trace, constants, 0, lowerCallForGpu);
  const outputs = graph.outputs.map((output) => output.name);
  const session = await gpuSession(name, serializeOnnx(graph), Object.fromEntries(outputs.map((output) => [output, output.startsWith(resultName('')) ? 'cpu' : 'gpu-buffer'])));
  return { session, inputs: graph.inputs.map((input) => input.name), outputs, dies: [] };
}

function withLastUses(parts: Part[]): Part[] {
  const seen = new Set<string>();
  for (const part of parts.toReversed()) {
    part.dies = part.inputs.filter((name) => name.startsWith('live:') && !seen.has(name));
    for (const name of part.inputs) seen.add(name);
  }
  return parts;
}

class GpuStep implements CompiledStep {
  readonly spec: StepSpec;
  readonly compileMs: number;
  readonly #state: GpuState;
  readonly #parts: readonly Part[];

  constructor(spec: StepSpec, state: GpuState, parts: readonly Part[], compileMs: number) {
    this.spec = spec;
    this.#state = state;
    this.#parts = parts;
    this.compileMs = compileMs;
  }

  async run(feeds: Record<string, Float32Array>): Promise<Record<string, Float32Array>> {
    const values = new Map<string, ort.Tensor>();
    for (const [name, shape] of Object.entries(this.spec.feeds)) {
      const data = feeds[name];
      if (data === undefined) throw new Error(`Step ${this.spec.name} was not fed ${name}.`);
      values.set(feedName(name), new ort.Tensor('float32', data, [...shape]));
    }
    for (const name of this.spec.reads) values.set(stateName(name), await this.#state.onGpu(name));
    const made = new Map<string, ort.Tensor>();
    try {
      for (const part of this.#parts) await this.#runPart(part, values, made);
    } catch (error) {
      for (const tensor of made.values()) if (tensor.location === 'gpu-buffer') tensor.dispose();
      throw gpuFailure(`the step '${this.spec.name}'`, error);
    }
    for (const name of this.spec.writes) this.#state.replace(name, need(made.get(newName(name)), name));
    return Object.fromEntries(this.spec.results.map((name) => [name, need(made.get(resultName(name)), name).data as Float32Array]));
  }

  async #runPart({ session, inputs, outputs, dies }: Part, values: Map<string, ort.Tensor>, made: Map<string, ort.Tensor>): Promise<void> {
    const given = Object.fromEntries(inputs.map((name) => [name, need(made.get(name) ?? values.get(name), name)]));
    const got = await session.run(given);
    for (const name of outputs) made.set(name, need<ort.Tensor>(got[name], name));
    for (const name of dies) {
      made.get(name)?.dispose();
      made.delete(name);
    }
  }

  dispose(): void {
    for (const { session } of this.#parts) session.release().catch(() => undefined);
  }
}

function need<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`The graph did not have ${name}.`);
  return value;
}
