/**
 * @file The task file: a learnt task as one safetensors file (docs/formats.md).
 * Tensors `delta.<weight>`, `value.<parameter>`, `head.weight`, `head.bias`, all float32; the rest is metadata under `taps.*`.
 */
import { z } from 'zod';
import { TapsError } from '../contract/errors.ts';
import { preprocessingSchema } from '../contract/preprocessing.ts';
import type { FloatTensor, HostTensor } from '../contract/tensors.ts';
import { METHODS, type TaskArtifact } from '../contract/training.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { checkArtifact, MAX_CLASSES } from './task-artifact-check.ts';

/** Value of `taps.format`: raised when a reader of today would misunderstand the file. */
export const TASK_FORMAT = '1';

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
 * @throws TapsError `non-finite`, `model-malformed` (see `checkArtifact`)
 */
export function encodeTaskFile(artifact: TaskArtifact): Uint8Array<ArrayBuffer> {
  checkArtifact(artifact);
  const tensors = new Map<string, HostTensor>();
  const put = (name: string, { shape, data }: FloatTensor): void => {
    tensors.set(name, { dtype: 'float32', shape, data });
  };
  for (const [name, tensor] of artifact.deltas) put(DELTA + name, tensor);
  for (const [name, tensor] of artifact.replaced) put(VALUE + name, tensor);
  put(HEAD_WEIGHT, artifact.head.weight);
  put(HEAD_BIAS, artifact.head.bias);
  return writeSafetensors(tensors, {
    'taps.format': TASK_FORMAT,
    'taps.method': artifact.method,
    'taps.base': artifact.baseId,
    'taps.classes': JSON.stringify(artifact.classNames),
    'taps.layers': JSON.stringify(artifact.layers.map(({ name, parameters, score, open }) => ({ name, parameters, score, open }))),
    'taps.preprocessing': JSON.stringify(artifact.preprocessing),
  });
}

/**
 * Tensors share memory with `bytes`. Reverse: `encodeTaskFile`.
 * @throws TapsError `model-malformed`, `non-finite`; `model-unsupported` for a newer format
 */
export function decodeTaskFile(bytes: Uint8Array): TaskArtifact {
  const { tensors, metadata } = readSafetensors(bytes);
  const format = Object.hasOwn(metadata, 'taps.format') ? metadata['taps.format'] : undefined;
  if (format === undefined) throw malformed('it is a safetensors file without taps.format');
  if (format !== TASK_FORMAT) {
    throw new TapsError('model-unsupported', `The task file has format ${JSON.stringify(format.slice(0, 40))}; this version reads ${TASK_FORMAT}.`, 'Update TAPS Studio.');
  }
  const parsed = metadataSchema.safeParse(metadata);
  if (!parsed.success) throw malformed(z.prettifyError(parsed.error).replaceAll('\n', ' '), parsed.error);

  const deltas = new Map<string, FloatTensor>();
  const replaced = new Map<string, FloatTensor>();
  const head = new Map<string, FloatTensor>();
  for (const [key, { dtype, shape, data }] of tensors) {
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
    head: { weight, bias },
    preprocessing: data['taps.preprocessing'],
  };
  checkArtifact(artifact);
  return artifact;
}
