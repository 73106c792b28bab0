/** @file Names of things that several screens use. */
import type { RunRecord } from '../../../src-main/contract/records.ts';
import type { MethodId } from '../../../src-main/contract/training.ts';
import type { RunStage } from '../../../src-main/contract/studio/runs.ts';

const methods: Record<MethodId, string> = {
  taps: 'TAPS',
  'full-fine-tuning': 'Full fine-tuning',
  'linear-probe': 'Linear probe',
  'norm-head': 'Norm + head',
  'bias-head': 'Bias + head',
  'fixed-layers': 'Fixed layers',
  'low-rank': 'Low rank (LoRA)',
  modulator: 'Modulators (RCM)',
  piggyback: 'Piggyback masks',
};
const methodHints: Record<MethodId, string> = {
  taps: 'Learns which layers to change and stores only those.',
  'full-fine-tuning': 'Changes every layer: most accurate, stores a full copy.',
  'linear-probe': 'Changes only the classifier: smallest and fastest.',
  'norm-head': 'Changes normalisation layers and the classifier.',
  'bias-head': 'Changes biases and the classifier.',
  'fixed-layers': 'Changes layers chosen beforehand, a quarter of a copy unless told otherwise: what TAPS must beat.',
  'low-rank': 'Adds a product of two thin matrices to every layer.',
  modulator: 'Recombines the outputs of larger convolutions; for networks of 3 × 3 filters.',
  piggyback: 'Switches single weights off: one bit each.',
};
const statuses: Record<RunRecord['status'], string> = {
  queued: 'Waiting',
  running: 'Training',
  paused: 'Paused',
  interrupted: 'Interrupted',
  cancelled: 'Stopped',
  failed: 'Failed',
  done: 'Done',
};
const stages: Record<RunStage, string> = {
  queued: 'Waiting',
  decoding: 'Reading pictures',
  loading: 'Loading the base',
  compiling: 'Preparing the network',
  training: 'Training',
  evaluating: 'Testing',
  saving: 'Saving',
  ended: 'Ended',
};

export const words = {
  methods,
  methodHints,
  statuses,
  stages,
  splits: { train: 'Training', validation: 'Validation', test: 'Test' },
  cancel: 'Cancel',
  close: 'Close',
  save: 'Save',
  back: 'Back',
  next: 'Continue',
  retry: 'Try again',
  loading: 'Loading…',
  openOf: (open: number, total: number): string => `${String(open)} of ${String(total)} layers`,
};
