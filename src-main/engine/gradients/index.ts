/** @file All gradients, registered once. Call again after loading a package that registers its own. */
import { registerElementwiseGradients } from './elementwise.ts';
import { registerNetworkGradients } from './network.ts';
import { registerShapeAndReduceGradients } from './shape-and-reduce.ts';

export function registerGradients(): void {
  registerElementwiseGradients();
  registerShapeAndReduceGradients();
  registerNetworkGradients();
}
