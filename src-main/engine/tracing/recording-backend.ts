/**
 * @file A tfjs backend whose kernels do not compute but record. Running a program on it, gradients included, yields
 * the list of kernel calls that the lowering turns into one ONNX graph.
 */
import { tf } from '../tfjs.ts';
import { inferOutputs, RECORDED_KERNELS } from './shapes.ts';
import type { Trace, TraceCall, TraceDType, TraceValue } from './trace.ts';

export const RECORDER = 'taps-recorder';

class RecordingBackend extends tf.KernelBackend {
  calls: TraceCall[] = [];
  #nextId = 0;

  make(shape: readonly number[], dtype: TraceDType, constant?: TraceValue['constant']): TraceValue {
    const id = this.#nextId++;
    return constant === undefined ? { id, shape: [...shape], dtype } : { id, shape: [...shape], dtype, constant };
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object {
    const traceDType = asTraceDType(dtype);
    return this.make(shape, traceDType, toTypedArray(values, traceDType));
  }

  override move(): void {
    throw new Error('A recorded program cannot take tensors from another backend.');
  }
  override readSync(): never {
    throw new Error('A recorded program cannot look at values: it has none.');
  }
  override numDataIds(): number {
    return 0;
  }
  override disposeData(): boolean {
    return true;
  }
  override incRef(): void {
    // Values are owned by the trace, not counted.
  }
  override refCount(): number {
    return 1;
  }
  override floatPrecision(): 16 | 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }
  override dispose(): void {
    this.calls = [];
  }
}

function asTraceDType(dtype: tf.DataType): TraceDType {
  if (dtype === 'float32' || dtype === 'bool' || dtype === 'int32') return dtype;
  throw new Error(`A recorded program met the type ${dtype}; only float32, int32 and bool are lowered.`);
}

function toTypedArray(values: tf.BackendValues, dtype: TraceDType): Float32Array | Int32Array | Uint8Array {
  if (values instanceof Float32Array || values instanceof Int32Array || values instanceof Uint8Array) return values;
  throw new Error(`A recorded program cannot hold a ${dtype} constant of this kind.`);
}

let backend: RecordingBackend | undefined;

function install(): RecordingBackend {
  if (backend !== undefined) return backend;
  const created = new RecordingBackend();
  tf.registerBackend(RECORDER, () => created);
  for (const kernelName of RECORDED_KERNELS) {
    tf.registerKernel({
      kernelName,
      backendName: RECORDER,
      kernelFunc: ({ inputs, attrs }) => record(created, kernelName, inputs as unknown as Record<string, tf.TensorInfo>, (attrs ?? {})),
    });
  }
  backend = created;
  return created;
}

function record(
  recorder: RecordingBackend,
  kernel: string,
  inputs: Record<string, tf.TensorInfo>,
  attributes: Record<string, unknown>,
): tf.TensorInfo | tf.TensorInfo[] {
  const values: Record<string, TraceValue> = {};
  for (const [name, info] of Object.entries(inputs)) {
    // Optional inputs may be undefined.
    if ((info as tf.TensorInfo | undefined) !== undefined) values[name] = info.dataId as TraceValue;
  }
  if (kernel === 'Identity') {
    const same = values['x'];
    if (same === undefined) throw new Error('Identity without input.');
    return { dataId: same, shape: [...same.shape], dtype: same.dtype };
  }
  const results = inferOutputs(kernel, values, attributes);
  const outputs = results.map((result) => recorder.make(result.shape, result.dtype, result.constant));
  if (outputs[0]?.constant === undefined) recorder.calls.push({ kernel, inputs: values, attributes, outputs });
  const infos = outputs.map((output) => ({ dataId: output, shape: [...output.shape], dtype: output.dtype }));
  const [first] = infos;
  return infos.length === 1 && first !== undefined ? first : infos;
}

/**
 * Records a program. Synchronous: the active tfjs backend is switched and restored within the call.
 * @param inputShapes float32 inputs by name
 * @param program receives tensors under the same names, returns outputs by name
 */
export function traceProgram(
  inputShapes: Record<string, readonly number[]>,
  program: (inputs: Record<string, tf.Tensor>) => Record<string, tf.Tensor>,
): Trace {
  const recorder = install();
  const previous = tf.engine().backendName as string | null;
  recorder.calls = [];
  tf.setBackend(RECORDER).catch(() => undefined); // resolves synchronously for a synchronous factory
  try {
    const trace: Trace = { calls: recorder.calls, inputs: new Map(), outputs: new Map() };
    tf.tidy(() => {
      const tensors: Record<string, tf.Tensor> = {};
      for (const [name, shape] of Object.entries(inputShapes)) {
        const value = recorder.make(shape, 'float32');
        trace.inputs.set(name, value);
        tensors[name] = tf.engine().makeTensorFromTensorInfo({ dataId: value, shape: [...shape], dtype: 'float32' }, recorder);
      }
      const outputs = program(tensors);
      for (const [name, tensor] of Object.entries(outputs)) trace.outputs.set(name, tensor.dataId as TraceValue);
    });
    recorder.calls = [];
    return trace;
  } finally {
    if (previous !== null && previous !== RECORDER) tf.setBackend(previous).catch(() => undefined);
  }
}
