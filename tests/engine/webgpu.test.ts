/** @file Engine `webgpu` on a GPU in software: its own tests (webgpu/on-gpu.ts), and those of TAPS against PyTorch that every engine passes. */
import { test } from 'node:test';
import { onGpu } from './webgpu/run-on-gpu.ts';

test('state, submissions, memory, and whole runs', onGpu('webgpu/on-gpu.ts', 6));
test('TAPS over 20 steps as the PyTorch reference', onGpu('taps-reference.test.ts', 3, 'on webgpu'));
