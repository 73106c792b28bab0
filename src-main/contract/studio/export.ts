/** @file Contract: merged models, proven before they are called finished. */
import { z } from 'zod';
import { answer, EMPTY, idSchema, operationIdSchema, request, tokenSchema } from './common.ts';

export interface ExportView {
  id: string;
  taskId: string;
  taskName: string;
  deltaId: string;
  format: 'onnx';
  fileName: string;
  displayPath: string;
  bytes: number;
  parity: { maxAbsLogitDiff: number; top1Agreement: number; images: number; limit: number };
  /** To copy: loads the file, prepares a picture as the network expects it, prints the classes. */
  snippets: { python: string; node: string };
  createdAt: number;
}

export const EXPORT_REQUESTS = {
  /** @param folder null: the folder `exports` beside the library */
  'export.start': request(
    z.strictObject({
      taskId: idSchema,
      deltaId: idSchema.nullable(),
      format: z.enum(['onnx']),
      folder: tokenSchema.nullable(),
      fileName: z.string().regex(/^[^/\\:*?"<>|\p{Cc}]{1,120}\.onnx$/u).refine((name) => !name.startsWith('.')),
      overwrite: z.boolean(),
      operationId: operationIdSchema,
    }),
    answer<ExportView>(),
  ),
  'export.list': request(EMPTY, answer<ExportView[]>()),
} as const;
