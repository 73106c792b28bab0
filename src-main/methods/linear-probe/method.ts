/** @file Linear probe (feature extractor): a new head on the frozen base. The smallest and usually the weakest. */
import type { Method } from '../method.ts';

export const linearProbe: Method = {
  id: 'linear-probe',
  title: 'Linear probe',
  summary: 'Trains a new head only; the network stays as it is.',
  treatments: () => () => 'frozen',
  normalization: 'running',
};
