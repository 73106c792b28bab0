/**
 * @file The task file: a learnt task as one safetensors file (docs/formats.md).
 * Tensors `delta.<weight>`, `value.<parameter>`, `head.weight`, `head.bias`, all float32, and those of transforms (weight-transform);
 * the rest is metadata under `taps.*`. In an encoded task these tensors are in smaller forms (packed-tensors).
 */
import { z } from 'zod';
import { TapsError } from '../contract/errors.ts';
import { preprocessingSchema } from '../contract/preprocessing.ts';
import type { FloatTensor, HostTensor } from '../contract/tensors.ts';
import { METHODS, type MethodId, type TaskArtifact } from '../contract/training.ts';
import type { FormSpec } from './forms/form.ts';
import { PACKED_VERSION, packedForms, packTensors, unpackTensors } from './packed-tensors.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { checkArtifact, MAX_CLASSES } from './task-artifact-check.ts';
import { TransformParts, transformTensors } from './weight-transform.ts';

/** Values of `taps.format`. A task is written in the lowest that can hold it, so that older readers keep reading what they know. */
const TASK_FORMATS = ['1', '2'] as const;
/** Of tasks in smaller forms. */
const ENCODED_FORMAT = '2';
/** What format 1 knows. */
const FORMAT_1_METHODS: readonly MethodId[] = ['taps', 'full-fine-tuning', 'linear-probe', 'norm-head'];

/** The lowest format that can hold a task: 2 for transforms and for methods that format 1 does not know. */
export function taskFormatOf({ method, transforms }: Pick<TaskArtifact, 'method' | 'transforms'>): (typeof TASK_FORMATS)[number] {
  return transforms.size === 0 && FORMAT_1_METHODS.includes(method) ? '1' : '2';
}

const DELTA = 'delta.';
const VALUE = 'value.';
const HEAD_WEIGHT = 'head.weight';
const HEAD_BIAS = 'head.bias';

export const layersSchema = z.array(
  z.strictObject({
    name: z.string().min(1),
    parameters: z.number().int().min(0),
    score: z.number().nullable(),
    open: z.boolean(),
  }),
);

/** Text that holds JSON of the given shape. */
function jsonOf<Schema extends z.ZodType>(schema: Schema) {
  return z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: 'custom', message: 'is not JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);
}

const metadataSchema = z.object({
  'taps.method': z.enum(METHODS),
  'taps.base': z.string().regex(/^[0-9a-f]{64}$/),
  'taps.classes': jsonOf(z.array(z.string()).min(1).max(MAX_CLASSES)),
  'taps.layers': jsonOf(layersSchema),
  'taps.preprocessing': jsonOf(preprocessingSchema),
});

function malformed(message: string, cause?: unknown): TapsError {
  return new TapsError('model-malformed', `Not a valid task file: ${message}.`, 'Get the file again from where it was made, or learn the task again.', { cause });
}

/**
 * Equal artefacts (including the order of their maps) give equal bytes. Reverse: `decodeTaskFile`.
 * @param formOf the form of each tensor, by its key in the file; without it every tensor is float32 as it is, in the lowest format
 * @throws TapsError `non-finite`, `model-malformed` (see `checkArtifact`)
 */
export function encodeTaskFile(artifact: TaskArtifact, formOf?: (key: string) => FormSpec): Uint8Array<ArrayBuffer> {
  checkArtifact(artifact, { encoded: formOf !== undefined });
  const tensors = tensorsOf(artifact);
  return writeSafetensors(formOf === undefined ? tensors : packTensors(tensors, formOf), {
    'taps.format': formOf === undefined ? taskFormatOf(artifact) : ENCODED_FORMAT,
    ...(formOf === undefined ? {} : { 'taps.encoding': PACKED_VERSION }),
    'taps.method': artifact.method,
    'taps.base': artifact.baseId,
    'taps.classes': JSON.stringify(artifact.classNames),
    'taps.layers': JSON.stringify(artifact.layers.map(({ name, parameters, score, open }) => ({ name, parameters, score, open }))),
    'taps.preprocessing': JSON.stringify(artifact.preprocessing),
  });
}

/** The tensors of a task by their keys, in the order of the file. */
export function tensorsOf(artifact: TaskArtifact): Map<string, HostTensor> {
  const tensors = new Map<string, HostTensor>();
  const put = (name: string, { shape, data }: FloatTensor): void => {
    tensors.set(name, { dtype: 'float32', shape, data });
  };
  for (const [name, tensor] of artifact.deltas) put(DELTA + name, tensor);
  for (const [name, tensor] of artifact.replaced) put(VALUE + name, tensor);
  const changes = [...artifact.transforms].flatMap(([name, transform]) => transformTensors(name, transform));
  for (const [key, tensor] of changes) if (tensor.dtype === 'float32') tensors.set(key, tensor);
  put(HEAD_WEIGHT, artifact.head.weight);
  put(HEAD_BIAS, artifact.head.bias);
  // Bytes come last, so that every float32 starts at a multiple of four.
  for (const [key, tensor] of changes) if (tensor.dtype !== 'float32') tensors.set(key, tensor);
  return tensors;
}

interface TaskFileParts {
  format: string;
  /** Of an encoded task still packed. */
  stored: ReadonlyMap<string, HostTensor>;
  encoded: boolean;
  metadata: Record<string, string>;
}

function readParts(bytes: Uint8Array): TaskFileParts {
  const { tensors, metadata } = readSafetensors(bytes);
  const own = (key: string): string | undefined => (Object.hasOwn(metadata, key) ? metadata[key] : undefined);
  const format = own('taps.format');
  if (format === undefined) throw malformed('it is a safetensors file without taps.format');
  const encoding = own('taps.encoding');
  if (!TASK_FORMATS.some((known) => known === format) || (encoding !== undefined && encoding !== PACKED_VERSION)) {
    const found = encoding === undefined ? '' : ` with encoding ${JSON.stringify(encoding.slice(0, 40))}`;
    throw new TapsError('model-unsupported', `The task file has format ${JSON.stringify(format.slice(0, 40))}${found}; this version reads ${TASK_FORMATS.join(' and ')}, encoding ${PACKED_VERSION}.`, 'Update TAPS Studio.');
  }
  return { format, stored: tensors, encoded: encoding !== undefined, metadata };
}

/**
 * In which form each tensor of a task file is stored, in words, by key in the order of the file; null for a file of plain float32.
 * @throws TapsError `model-malformed`; `model-unsupported` for a newer format
 */
export function storedForms(bytes: Uint8Array): Map<string, string> | null {
  const { stored, encoded } = readParts(bytes);
  return encoded ? packedForms(stored) : null;
}

/**
 * Tensors share memory with `bytes` unless they are encoded; numbers are then what their forms stand for. Reverse: `encodeTaskFile`.
 * @throws TapsError `model-malformed`, `non-finite`; `model-unsupported` for a newer format
 */
export function decodeTaskFile(bytes: Uint8Array): TaskArtifact {
  const { format, stored, encoded, metadata } = readParts(bytes);
  const tensors = encoded ? unpackTensors(stored) : stored;
  const parsed = metadataSchema.safeParse(metadata);
  if (!parsed.success) throw malformed(z.prettifyError(parsed.error).replaceAll('\n', ' '), parsed.error);

  const deltas = new Map<string, FloatTensor>();
  const replaced = new Map<string, FloatTensor>();
  const head = new Map<string, FloatTensor>();
  const transforms = new TransformParts();
  for (const [key, host] of tensors) {
    const { dtype, shape, data } = host;
    if (transforms.add(key, host)) continue;
    if (dtype !== 'float32' || !(data instanceof Float32Array)) throw malformed(`tensor ${key.slice(0, 100)} is ${dtype}, not float32`);
    const tensor = { shape, data };
    if (key.startsWith(DELTA)) deltas.set(key.slice(DELTA.length), tensor);
    else if (key.startsWith(VALUE)) replaced.set(key.slice(VALUE.length), tensor);
    else if (key === HEAD_WEIGHT || key === HEAD_BIAS) head.set(key, tensor);
    else throw malformed(`tensor ${key.slice(0, 100)} is unknown`);
  }
  const weight = head.get(HEAD_WEIGHT);
  const bias = head.get(HEAD_BIAS);
  if (weight === undefined || bias === undefined) throw malformed(`${weight === undefined ? HEAD_WEIGHT : HEAD_BIAS} is missing`);

  const { data } = parsed;
  const artifact: TaskArtifact = {
    method: data['taps.method'],
    baseId: data['taps.base'],
    classNames: data['taps.classes'],
    layers: data['taps.layers'],
    deltas,
    replaced,
    transforms: transforms.finish(malformed),
    head: { weight, bias },
    preprocessing: data['taps.preprocessing'],
  };
  const expected = encoded ? ENCODED_FORMAT : taskFormatOf(artifact);
  if (format !== expected) throw malformed(`it has format ${format} but the content of format ${expected}`);
  checkArtifact(artifact, { encoded });
  return artifact;
}
