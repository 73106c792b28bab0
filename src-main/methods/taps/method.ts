/**
 * @file Task Adaptive Parameter Sharing (Wallingford et al., CVPR 2022, section 3): every convolution and matrix product
 * but the head has a gate; normalisation, biases and embeddings belong to the task.
 */
import type { Method } from '../method.ts';

export const taps: Method = {
  id: 'taps',
  title: 'TAPS',
  summary: 'Learns which layers to change and stores only those.',
  treatments: () => ({ role }) => (role === 'gated' ? 'gated' : 'trained'),
  normalization: 'batch',
};
