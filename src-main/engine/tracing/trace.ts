/** @file A recorded tfjs program: kernel calls between named values, nothing computed. */

export type TraceDType = 'float32' | 'bool' | 'int32';

/** A value of the recording. Identity matters: the object itself is tfjs's DataId. */
export interface TraceValue {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: TraceDType;
  /** Host data of a constant; undefined for inputs and results of calls. */
  readonly constant?: Float32Array | Int32Array | Uint8Array;
}

export interface TraceCall {
  readonly kernel: string;
  /** Inputs by tfjs's names; Concat and Pack have '0', '1', ... */
  readonly inputs: Readonly<Record<string, TraceValue>>;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly outputs: readonly TraceValue[];
}

export interface Trace {
  /** In order of execution. */
  calls: TraceCall[];
  inputs: Map<string, TraceValue>;
  outputs: Map<string, TraceValue>;
}

export function inputsOf(call: TraceCall): TraceValue[] {
  return Object.values(call.inputs);
}

/** In order, only the calls that the outputs depend on. */
export function reachableCalls(trace: Trace): TraceCall[] {
  const producer = new Map<number, TraceCall>();
  for (const call of trace.calls) for (const value of call.outputs) producer.set(value.id, call);
  const wanted = new Set<TraceCall>();
  const pending = [...trace.outputs.values()];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    const call = producer.get(value.id);
    if (call === undefined || wanted.has(call)) continue;
    wanted.add(call);
    pending.push(...inputsOf(call));
  }
  return trace.calls.filter((call) => wanted.has(call));
}
