/**
 * @file Cuts a recorded step into segments that are computed one after the other, each a graph of its own.
 *
 * [Note: Watchdogs] Windows resets a GPU that does not finish a submission within about two seconds, and other systems have limits of
 * their own. The runtime submits after every sixteen programs and at the end of a graph, and its binding lets nobody change the
 * sixteen; so the graphs are made small enough instead.
 */
import { secondsOf } from './work.ts';
import { inputsOf, reachableCalls, type Trace, type TraceCall, type TraceValue } from '../tracing/trace.ts';

export interface Segment {
  trace: Trace;
  /** Estimated seconds on a weak GPU (work.ts). */
  seconds: number;
}

/** Name of a value that one segment makes and later ones read. */
export const liveName = (value: TraceValue): string => `live:${String(value.id)}`;

/**
 * @param limitSeconds of a segment, as estimated; a single call may exceed it
 * @returns at least one segment; inputs and outputs keep their names, values between segments are named by `liveName`
 */
export function cutIntoSegments(trace: Trace, limitSeconds: number): Segment[] {
  const calls = reachableCalls(trace);
  const groups = groupCalls(calls, trace, limitSeconds);
  const producedIn = new Map<number, number>();
  groups.forEach((group, index) => {
    for (const call of group) for (const value of call.outputs) producedIn.set(value.id, index);
  });
  const segments = groups.map((group): Segment => ({ trace: { calls: group, inputs: new Map(), outputs: new Map() }, seconds: group.reduce((sum, call) => sum + secondsOf(call), 0) }));
  const inputNames = new Map([...trace.inputs].map(([name, value]) => [value.id, name]));
  const last = segments.length - 1;
  const ask = (value: TraceValue, index: number): void => {
    const target = segments[index]?.trace;
    const name = inputNames.get(value.id);
    if (name !== undefined) target?.inputs.set(name, value);
    const home = producedIn.get(value.id);
    if (home === undefined || home === index) return;
    target?.inputs.set(liveName(value), value);
    segments[home]?.trace.outputs.set(liveName(value), value);
  };
  groups.forEach((group, index) => {
    for (const call of group) for (const value of inputsOf(call)) ask(value, index);
  });
  for (const [name, value] of trace.outputs) {
    // An input or a constant that is returned as it is belongs to the end.
    const index = producedIn.get(value.id) ?? last;
    ask(value, index);
    segments[index]?.trace.outputs.set(name, value);
  }
  return segments;
}

/** In order; a cut is made where only float32 values cross it, which is all that graphs take and give. */
function groupCalls(calls: readonly TraceCall[], trace: Trace, limitSeconds: number): TraceCall[][] {
  const uses = new Map<number, number>();
  for (const call of calls) for (const value of inputsOf(call)) uses.set(value.id, (uses.get(value.id) ?? 0) + 1);
  for (const value of trace.outputs.values()) uses.set(value.id, (uses.get(value.id) ?? 0) + 1);
  const groups: TraceCall[][] = [[]];
  const crossing = new Set<number>();
  let seconds = 0;
  for (const call of calls) {
    const cost = secondsOf(call);
    if (seconds > 0 && seconds + cost > limitSeconds && crossing.size === 0) {
      groups.push([]);
      seconds = 0;
    }
    groups.at(-1)?.push(call);
    seconds += cost;
    for (const { id } of inputsOf(call)) {
      const left = (uses.get(id) ?? 1) - 1;
      uses.set(id, left);
      if (left === 0) crossing.delete(id);
    }
    for (const value of call.outputs) if (value.dtype !== 'float32' && value.constant === undefined && (uses.get(value.id) ?? 0) > 0) crossing.add(value.id);
  }
  return groups;
}
