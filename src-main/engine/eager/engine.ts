/**
 * @file Engines that execute tfjs ops one by one: `tensorflow` (TensorFlow's C library, CUDA where it is) and
 * `reference` (tfjs's own plain JavaScript, slow, for checking the others).
 */
import { TapsError } from '../../contract/errors.ts';
import { elementCount, type FloatTensor } from '../../contract/tensors.ts';
import { saysOutOfMemory } from '../../core/out-of-memory.ts';
import { registerGradients } from '../gradients/index.ts';
import { registerEagerKernels } from '../kernels/register-eager.ts';
import { tf, type Tensor } from '../tfjs.ts';
import type { ActivationLayout, CompiledStep, Engine, EngineId, EngineState, NamedTensors, StepSpec } from '../types.ts';

class EagerState implements EngineState {
  readonly #tensors = new Map<string, Tensor>();

  constructor(initial: Record<string, FloatTensor>) {
    for (const [name, { shape, data }] of Object.entries(initial)) this.#tensors.set(name, tf.keep(tf.tensor(data.slice(), [...shape], 'float32')));
  }
  names(): string[] {
    return [...this.#tensors.keys()];
  }
  shapeOf(name: string): readonly number[] {
    return this.get(name).shape;
  }
  async read(name: string): Promise<Float32Array> {
    return (await this.get(name).data<'float32'>()).slice();
  }
  write(name: string, data: Float32Array): void {
    const old = this.get(name);
    if (old.size !== data.length) {
      throw new TapsError('invalid-config', `State entry ${name} takes ${String(old.size)} values, not ${String(data.length)}.`, 'Restore a checkpoint of the same run.');
    }
    this.replace(name, tf.tensor(data.slice(), old.shape, 'float32'));
  }
  lend(name: string, data: Float32Array): void {
    this.write(name, data);
  }
  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }
  get(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`The state has no entry ${name}.`);
    return tensor;
  }
  /** Takes ownership of `tensor` and frees the old one. */
  replace(name: string, tensor: Tensor): void {
    const old = this.get(name);
    this.#tensors.set(name, tf.keep(tensor));
    if (old !== tensor) old.dispose();
  }
}

class EagerStep implements CompiledStep {
  readonly spec: StepSpec;
  readonly compileMs: number;
  readonly #state: EagerState;
  readonly #constants: NamedTensors;
  readonly #layout: ActivationLayout;
  readonly #activate: () => void;

  constructor(spec: StepSpec, state: EagerState, layout: ActivationLayout, activate: () => void) {
    const started = performance.now();
    this.spec = spec;
    this.#state = state;
    this.#layout = layout;
    this.#activate = activate;
    activate();
    this.#constants = Object.fromEntries(
      Object.entries(spec.constants).map(([name, { shape, data }]) => [name, tf.keep(tf.tensor(data, [...shape], 'float32'))]),
    );
    this.compileMs = performance.now() - started;
  }

  async run(feeds: Record<string, Float32Array>): Promise<Record<string, Float32Array>> {
    try {
      return await this.#run(feeds);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof TapsError || !saysOutOfMemory(message)) throw error;
      throw new TapsError('out-of-memory', `Memory did not suffice for the step '${this.spec.name}': ${message}`, 'Use a smaller batch (with accumulation for the same effective batch) or a smaller image size.', { cause: error });
    }
  }

  async #run(feeds: Record<string, Float32Array>): Promise<Record<string, Float32Array>> {
    this.#activate();
    const { spec } = this;
    const results: NamedTensors = {};
    tf.tidy(() => {
      const feedTensors: NamedTensors = {};
      for (const [name, shape] of Object.entries(spec.feeds)) {
        const data = feeds[name];
        if (data?.length !== elementCount(shape)) throw new Error(`Step ${spec.name} was not fed ${name} of shape [${shape.join(', ')}].`);
        feedTensors[name] = tf.tensor(data, [...shape], 'float32');
      }
      const state = Object.fromEntries(spec.reads.map((name) => [name, this.#state.get(name)]));
      const outcome = spec.program({ feeds: feedTensors, state, constants: this.#constants, layout: this.#layout });
      const written = spec.writes.map((name): [string, Tensor] => [name, own(outcome.state[name], name)]);
      for (const name of spec.results) results[name] = tf.keep(own(outcome.results[name], name));
      for (const [name, tensor] of written) this.#state.replace(name, tensor);
    });
    const host: Record<string, Float32Array> = {};
    for (const [name, tensor] of Object.entries(results)) {
      host[name] = (await tensor.data<'float32'>()).slice();
      tensor.dispose();
    }
    return host;
  }

  dispose(): void {
    for (const tensor of Object.values(this.#constants)) tensor.dispose();
  }
}

/** A tensor of its own: programs may return an input or the same tensor twice. */
function own(tensor: Tensor | undefined, name: string): Tensor {
  if (tensor === undefined) throw new Error(`The step did not return ${name}.`);
  return tf.clone(tensor);
}

export class EagerEngine implements Engine {
  readonly id: EngineId;
  readonly description: string;
  readonly layout: ActivationLayout = 'nchw';
  readonly #backend: string;

  /** @param backend name of a registered, synchronous tfjs backend */
  constructor(id: EngineId, backend: string, description: string) {
    this.id = id;
    this.description = description;
    this.#backend = backend;
    registerGradients();
    registerEagerKernels(backend);
  }
  createState(initial: Record<string, FloatTensor>): EngineState {
    this.#activate();
    return new EagerState(initial);
  }
  compile(spec: StepSpec, state: EngineState): Promise<CompiledStep> {
    if (!(state instanceof EagerState)) throw new Error('A state of another engine.');
    return Promise.resolve(new EagerStep(spec, state, spec.layout ?? this.layout, () => { this.#activate(); }));
  }
  dispose(): void {
    // Tensors belong to states and steps.
  }
  #activate(): void {
    if (tf.engine().backendName !== this.#backend) void tf.setBackend(this.#backend);
  }
}
