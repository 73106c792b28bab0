/**
 * @file Engine `onnxruntime`: a step is traced once, lowered to one ONNX graph and replayed. The default on CPUs.
 * `session.run` computes synchronously: this engine belongs in a child process.
 */
import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { TapsError } from '../../contract/errors.ts';
import { lowerTrace } from '../lowering/lower.ts';
import { feedName, newName, resultName, stateName, traceStep } from '../tracing/trace-step.ts';
import type { ActivationLayout, CompiledStep, Engine, EngineState, StepSpec } from '../types.ts';
import type { FloatTensor } from '../../contract/tensors.ts';
import { saysOutOfMemory } from '../../core/out-of-memory.ts';
import { serializeOnnx } from '../../graph/onnx/encode.ts';
import type { Graph } from '../../graph/types.ts';
import { channelBlock } from './channel-block.ts';
import { writeInPlace } from './in-place.ts';
import { runForResults, withMarker } from './results-only.ts';
import { RuntimeState, tensorOf } from './state.ts';

export interface RuntimeOptions {
  /** Threads of one operator; 0 = as many as this process may use (the runtime alone would take physical cores, half of a cloud machine's). */
  threads: number;
  /** Writes the runtime's profile to this path prefix (for the benchmark). */
  profile?: string;
}

/**
 * Keys of onnxruntime_session_options_config_keys.h. Every session has its own threads, which spin for a while when they have nothing to do,
 * so that the next operator need not wake them. Within a run that is worth it; after one they would take the cores from the session
 * that runs next, and a training run has several (trunk, step, evaluation).
 */
const SESSION_CONFIGURATION = { force_spinning_stop: '1' };

export class RuntimeEngine implements Engine {
  readonly id = 'onnxruntime';
  readonly description: string;
  readonly layout: ActivationLayout = 'cnhw';
  readonly #options: RuntimeOptions;

  constructor(options: RuntimeOptions) {
    const threads = options.threads === 0 ? availableParallelism() : options.threads;
    this.#options = { ...options, threads };
    this.description = `onnxruntime ${ort.env.versions.common} on the CPU, ${String(threads)} ${threads === 1 ? 'thread' : 'threads'}`;
  }

  createState(initial: Record<string, FloatTensor>): EngineState {
    return new RuntimeState(initial);
  }

  async compile(spec: StepSpec, state: EngineState): Promise<CompiledStep> {
    if (!(state instanceof RuntimeState)) throw new Error('A state of another engine.');
    const started = performance.now();
    const { graph, inPlace } = lowerStep(spec, state, spec.layout ?? this.layout, await channelBlock());
    const model = serializeOnnx(graph);
    const session = await this.#createSession(spec.name, model);
    const used = new Set(graph.inputs.map((info) => info.name));
    return new RuntimeStep(spec, state, { session, used, inPlace }, performance.now() - started);
  }

  async #createSession(name: string, model: Uint8Array): Promise<ort.InferenceSession> {
    try {
      return await ort.InferenceSession.create(model, {
        executionProviders: ['cpu'],
        intraOpNumThreads: this.#options.threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        enableCpuMemArena: true,
        // A planned single block is larger than what is alive at any time, and brings no speed here.
        enableMemPattern: false,
        extra: { session: SESSION_CONFIGURATION },
        logSeverityLevel: 3,
        ...(this.#options.profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: this.#options.profile }),
      });
    } catch (error) {
      throw failure(`refused the step '${name}'`, error);
    }
  }

  dispose(): void {
    // Sessions belong to their steps.
  }
}

/** Exposed for tests: the ONNX graph of a step, and which entries of the state it writes in place. */
export function lowerStep(spec: StepSpec, state: RuntimeState, layout: ActivationLayout, block: number): { graph: Graph; inPlace: Set<string> } {
  const { trace, constants } = traceStep(spec, state, layout);
  const lowered = lowerTrace(spec.name, trace, constants, block);
  const entries = spec.writes.filter((name) => spec.reads.includes(name));
  const { graph, inPlace } = writeInPlace(lowered, entries.map((name) => ({ old: stateName(name), updated: newName(name) })));
  const results = new Set(spec.results.map(resultName));
  return { graph: withMarker(graph, (output) => results.has(output)), inPlace: new Set(entries.filter((name) => inPlace.has(stateName(name)))) };
}

interface Compiled {
  session: ort.InferenceSession;
  /** Inputs that the graph has: a step need not use all it could. */
  used: ReadonlySet<string>;
  /** Entries of the state whose next value takes the old one's place. */
  inPlace: ReadonlySet<string>;
}

class RuntimeStep implements CompiledStep {
  readonly spec: StepSpec;
  readonly compileMs: number;
  readonly #state: RuntimeState;
  readonly #compiled: Compiled;

  constructor(spec: StepSpec, state: RuntimeState, compiled: Compiled, compileMs: number) {
    this.spec = spec;
    this.#state = state;
    this.#compiled = compiled;
    this.compileMs = compileMs;
  }

  async run(feeds: Record<string, Float32Array>): Promise<Record<string, Float32Array>> {
    const { used, inPlace } = this.#compiled;
    const inputs: Record<string, ort.Tensor> = {};
    for (const [name, shape] of Object.entries(this.spec.feeds)) {
      const data = feeds[name];
      if (data === undefined) throw new Error(`Step ${this.spec.name} was not fed ${name}.`);
      if (used.has(feedName(name))) inputs[feedName(name)] = tensorOf(data, shape);
    }
    for (const name of this.spec.reads) if (used.has(stateName(name))) inputs[stateName(name)] = this.#state.current(name);
    const lent: Record<string, ort.Tensor> = {};
    for (const name of this.spec.writes) lent[newName(name)] = inPlace.has(name) ? this.#state.current(name) : this.#state.spare(name);
    const outputs = await this.#run(inputs, lent);
    for (const name of this.spec.writes) if (!inPlace.has(name)) this.#state.swap(name);
    return Object.fromEntries(this.spec.results.map((name) => [name, outputs[resultName(name)]?.data as Float32Array]));
  }

  async #run(inputs: Record<string, ort.Tensor>, lent: Record<string, ort.Tensor>): Promise<ort.InferenceSession.OnnxValueMapType> {
    try {
      return await runForResults(this.#compiled.session, inputs, lent, this.spec.results.map(resultName));
    } catch (error) {
      throw failure(`failed in the step '${this.spec.name}'`, error);
    }
  }

  /** Ends profiling, if it was on, and releases the session. */
  dispose(): void {
    this.#compiled.session.release().catch(() => undefined);
  }
}

function failure(what: string, error: unknown): TapsError {
  if (error instanceof TapsError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const memory = saysOutOfMemory(message);
  return new TapsError(
    memory ? 'out-of-memory' : 'engine-failed',
    `onnxruntime ${what}: ${message}`,
    memory ? 'Use a smaller batch (with accumulation for the same effective batch) or a smaller image size.' : 'Run taps doctor and report this with its output.',
    { cause: error },
  );
}
