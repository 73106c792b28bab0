/** @file Normalisation and head only ("BN only" in the TAPS paper's tables): a few thousand numbers per task. */
import type { Method } from '../method.ts';

export const normHead: Method = {
  id: 'norm-head',
  title: 'Norm + head',
  summary: 'Trains normalisation layers and a new head.',
  treatments: () => ({ role }) => (role === 'norm-affine' || role === 'norm-statistic' ? 'trained' : 'frozen'),
  normalization: 'batch',
};
