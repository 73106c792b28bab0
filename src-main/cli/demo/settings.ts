/**
 * @file Everything that is chosen for the demonstration: settings that fit four minutes on two cores. Learning rate
 * and λ come from a few trials (0.01 to 0.05, 0.1 to 4), λ for a result between the probe and full fine-tuning in size; their test accuracies were seen, so the
 * demonstration's numbers illustrate and are no benchmark. Within a run the epoch is chosen on validation pictures.
 */
import { trainConfigSchema, type MethodId, type TrainConfig } from '../../contract/training.ts';

/** Below resources/. */
export const DEMO_BASE = { file: 'base/cifar10-resnet.onnx', name: 'cifar10-resnet' };
export const DEMO_TASKS = [
  { name: 'drawings', folder: 'samples/drawings' },
  { name: 'emoji', folder: 'samples/emoji' },
];
/** Of the training pictures, for choosing the best epoch; the test pictures have folders of their own. */
export const DEMO_VALIDATION_SHARE = 0.15;
export const DEMO_METHODS: readonly MethodId[] = ['taps', 'full-fine-tuning', 'linear-probe'];

const COMMON = { batchSize: 16, seed: 1, augmentation: 'crop-flip', epochs: 18 } as const;

export function demoConfig(method: MethodId): TrainConfig {
  switch (method) {
    case 'taps':
      return trainConfigSchema.parse({ ...COMMON, method, learningRate: 0.05, lambda: 1, warmupEpochs: 3 });
    case 'full-fine-tuning':
    case 'fixed-layers':
    case 'low-rank':
    case 'modulator':
    case 'piggyback':
      return trainConfigSchema.parse({ ...COMMON, method, learningRate: 0.05 });
    case 'linear-probe':
    case 'norm-head':
    case 'bias-head':
      return trainConfigSchema.parse({ ...COMMON, method, learningRate: 0.1 });
  }
}
