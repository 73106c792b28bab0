/** @file Contract: what a learnt task knows and gets wrong, and trying it on new pictures. */
import { z } from 'zod';
import { ENCODINGS, toleranceSchema } from '../compression.ts';
import type { Sharing } from '../sharing.ts';
import type { Evaluation, LayerState, MethodId } from '../training.ts';
import { answer, idSchema, operationIdSchema, request, tokenSchema } from './common.ts';
import type { DeltaCard } from './library.ts';

/** One judged picture of the test split. `index` is its place in the dataset version the run learnt from. */
export interface JudgedImage {
  index: number;
  path: string;
  label: number;
  predicted: number;
  /** Softmax probability of `predicted`, 0..1. */
  probability: number;
  /** Softmax probability of `label`, 0..1. */
  labelProbability: number;
}

export interface ClassReport {
  className: string;
  images: number;
  /** 0..1; null when nothing was predicted as (precision) or is (recall) of this class. */
  precision: number | null;
  recall: number | null;
  f1: number | null;
}

export interface ResultView {
  delta: DeltaCard;
  taskId: string;
  taskName: string;
  method: MethodId;
  classNames: string[];
  /** Of the dataset version that was learnt from; null for an unpacked task. */
  datasetId: string | null;
  layers: LayerState[];
  validation: Evaluation | null;
  test: Evaluation | null;
  classes: ClassReport[];
}

export interface PicturePrediction {
  /** Name of the file. */
  name: string;
  /** `/picture/granted/<token>` */
  token: string;
  scores: { className: string; probability: number }[];
}

/** What several tasks say of one picture, in the order they were named. */
export interface PictureAnswers {
  /** Name of the file. */
  name: string;
  /** `/picture/granted/<token>` */
  token: string;
  answers: { taskId: string; taskName: string; scores: { className: string; probability: number }[] }[];
}

export interface CompressView {
  delta: DeltaCard;
  bytesBefore: number;
  /** Of the result it was made from and of the new one, 0..1. */
  validationBefore: number;
  validationAfter: number;
}

export const RESULT_REQUESTS = {
  'result.show': request(z.strictObject({ deltaId: idSchema }), answer<ResultView>()),
  /** Every test picture with what the task says of it; computed once per result, then remembered. */
  'result.judge': request(z.strictObject({ deltaId: idSchema, operationId: operationIdSchema }), answer<JudgedImage[]>()),
  /**
   * Stores the result in fewer bytes, as a result of its own beside it; what is in use stays in use. `auto` keeps within `tolerance`
   * points of validation accuracy.
   */
  'result.compress': request(z.strictObject({ deltaId: idSchema, encoding: z.enum(ENCODINGS), tolerance: toleranceSchema, operationId: operationIdSchema }), answer<CompressView>()),
  /** Current results of several tasks of one base, in one pass over what they have in common. */
  'predict.tasks': request(
    z.strictObject({ taskIds: z.array(idSchema).min(1).max(32), files: z.array(tokenSchema).min(1).max(64), operationId: operationIdSchema }),
    answer<{ predictions: PictureAnswers[]; unreadable: { name: string; reason: string }[]; sharing: Sharing }>(),
  ),
  'predict.pictures': request(
    z.strictObject({ taskId: idSchema, deltaId: idSchema.nullable(), files: z.array(tokenSchema).min(1).max(64), operationId: operationIdSchema }),
    answer<{ predictions: PicturePrediction[]; unreadable: { name: string; reason: string }[] }>(),
  ),
} as const;
