/** @file A step of an engine that replays: its program recorded once, with names that keep feeds, state and outputs apart. */
import type { FloatTensor } from '../../contract/tensors.ts';
import type { Tensor } from '../tfjs.ts';
import type { ActivationLayout, EngineState, StepSpec } from '../types.ts';
import { traceProgram } from './recording-backend.ts';
import type { Trace } from './trace.ts';

// Prefixes keep feeds, state and outputs apart in the graph's one name space.
export const feedName = (name: string): string => `feed:${name}`;
export const stateName = (name: string): string => `state:${name}`;
export const newName = (name: string): string => `new:${name}`;
export const resultName = (name: string): string => `result:${name}`;
const constantName = (name: string): string => `constant:${name}`;

/** @returns the recording, and the step's constants under the names of the recording's inputs */
export function traceStep(spec: StepSpec, state: Pick<EngineState, 'shapeOf'>, layout: ActivationLayout): { trace: Trace; constants: Record<string, FloatTensor> } {
  const inputs: Record<string, readonly number[]> = {};
  for (const [name, shape] of Object.entries(spec.feeds)) inputs[feedName(name)] = shape;
  for (const name of spec.reads) inputs[stateName(name)] = state.shapeOf(name);
  for (const [name, { shape }] of Object.entries(spec.constants)) inputs[constantName(name)] = shape;
  const pick = (all: Record<string, Tensor>, names: readonly string[], prefix: (name: string) => string): Record<string, Tensor> =>
    Object.fromEntries(names.map((name) => [name, all[prefix(name)]]).filter((pair): pair is [string, Tensor] => pair[1] !== undefined));
  const trace = traceProgram(inputs, (tensors) => {
    const outcome = spec.program({
      feeds: pick(tensors, Object.keys(spec.feeds), feedName),
      state: pick(tensors, spec.reads, stateName),
      constants: pick(tensors, Object.keys(spec.constants), constantName),
      layout,
    });
    const outputs: Record<string, Tensor> = {};
    for (const name of spec.writes) outputs[newName(name)] = mustHave(outcome.state[name], name);
    for (const name of spec.results) outputs[resultName(name)] = mustHave(outcome.results[name], name);
    return outputs;
  });
  return { trace, constants: Object.fromEntries(Object.entries(spec.constants).map(([name, tensor]) => [constantName(name), tensor])) };
}

function mustHave(tensor: Tensor | undefined, name: string): Tensor {
  if (tensor === undefined) throw new Error(`The step did not return ${name}.`);
  return tensor;
}
