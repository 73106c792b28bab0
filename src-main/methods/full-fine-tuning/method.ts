/** @file Full fine-tuning: every parameter is trained and stored. The reference for accuracy and for size. */
import type { Method } from '../method.ts';

export const fullFineTuning: Method = {
  id: 'full-fine-tuning',
  title: 'Full fine-tuning',
  summary: 'Changes every weight; each task costs a full copy.',
  treatments: () => () => 'trained',
  normalization: 'batch',
};
