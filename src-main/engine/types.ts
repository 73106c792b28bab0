/**
 * @file The port between TAPS and whatever computes: `compile(step) → CompiledStep`.
 * A step is a tfjs program over named tensors. Eager engines call it every time; the tracing engine
 * records it once and replays the recording. Nothing above this interface knows which engine runs.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { EngineId } from '../contract/engine-info.ts';
import type { FloatTensor } from '../contract/tensors.ts';

export type { EngineId, EngineInfo } from '../contract/engine-info.ts';

/**
 * Physical order of the axes of a four-dimensional activation.
 * `cnhw` makes every convolution one large matrix product over the whole batch; `nchw` is what GPUs expect.
 */
export type ActivationLayout = 'nchw' | 'cnhw';

export type NamedTensors = Record<string, tf.Tensor>;

export interface StepSpec {
  /** For logs and error messages. */
  name: string;
  /** Shapes of what changes with every call: images, labels, learning rate. float32 throughout. */
  feeds: Record<string, readonly number[]>;
  /** Names of the state entries the program reads (they must exist in the state when it is compiled). */
  reads: readonly string[];
  /** Names of the state entries it replaces; shapes never change. */
  writes: readonly string[];
  /** Names of the results that are returned to the caller as host arrays. */
  results: readonly string[];
  /** Values that never change while this step lives (frozen weights). Engines may pre-process them. */
  constants: Record<string, FloatTensor>;
  /** Overrides the engine's preferred layout: programs without convolution gradients may want the runtime's own fusions ('nchw'). */
  layout?: ActivationLayout;
  /**
   * The mathematics. Must be pure and synchronous, may call any op in engine/ops and tfjs-core.
   * Returns one tensor for every name in `writes` and `results`. Called inside a tidy.
   */
  program: (input: { feeds: NamedTensors; state: NamedTensors; constants: NamedTensors; layout: ActivationLayout }) => {
    state: NamedTensors;
    results: NamedTensors;
  };
}

/** Named float32 arrays that live with the engine between steps. Also the content of a checkpoint. */
export interface EngineState {
  names(): string[];
  shapeOf(name: string): readonly number[];
  /** Copies one entry to the host. */
  read(name: string): Promise<Float32Array>;
  /** Replaces one entry; throws `invalid-config` when the length differs. */
  write(name: string, data: Float32Array): void;
  /**
   * As `write`, but the entry may be this very array from now on, without a copy: the caller leaves it as it is while it is in use.
   * For entries that no step writes.
   */
  lend(name: string, data: Float32Array): void;
  dispose(): void;
}

export interface CompiledStep {
  readonly spec: StepSpec;
  /**
   * Runs once: reads and replaces the state, returns the results. Feeds must have exactly the spec's shapes. If it fails, entries that
   * it writes may be half old and half new: go on from a checkpoint.
   */
  run(feeds: Record<string, Float32Array>): Promise<Record<string, Float32Array>>;
  /** Milliseconds that compiling took (trace, lowering, session). */
  readonly compileMs: number;
  dispose(): void;
}

export interface Engine {
  readonly id: EngineId;
  readonly description: string;
  readonly layout: ActivationLayout;
  /** Takes the arrays over: entries that steps write are changed in place. */
  createState(initial: Record<string, FloatTensor>): EngineState;
  compile(spec: StepSpec, state: EngineState): Promise<CompiledStep>;
  dispose(): void;
}
