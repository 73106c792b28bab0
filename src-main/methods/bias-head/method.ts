/**
 * @file Biases and head only (BitFit: Ben Zaken et al., ACL 2022, arXiv 2106.10199): every additive vector of the network, shifts of
 * normalisations among them; scales and running statistics stay the base's.
 */
import type { BaseModel, Parameter } from '../../graph/types.ts';
import type { Method } from '../method.ts';

/** Third input of BatchNormalization and LayerNormalization. */
const SHIFT = 2;

export const biasHead: Method = {
  id: 'bias-head',
  title: 'Bias + head',
  summary: 'Trains biases, shifts of normalisation layers and a new head.',
  treatments: ({ base }) => (parameter) => (parameter.role === 'bias' || isShift(base, parameter) ? 'trained' : 'frozen'),
  normalization: 'running',
};

function isShift({ graph }: BaseModel, { name, role, nodeIndex }: Parameter): boolean {
  return role === 'norm-affine' && graph.nodes[nodeIndex]?.inputs[SHIFT] === name;
}
