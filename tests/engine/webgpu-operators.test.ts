/** @file Every operator and its gradients on engine `webgpu`, on a GPU in software, as PyTorch has them. */
import { test } from 'node:test';
import { onGpu } from './webgpu/run-on-gpu.ts';

test('every operator and its gradients as PyTorch', onGpu('operators.test.ts', 40, 'operators on webgpu'));
