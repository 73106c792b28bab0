/** @file How a method looks in every chart, badge and key: a colour and, for those who do not see colours apart, a shape. */
import type { MethodId } from '../../src-main/contract/training.ts';

export interface MethodMark {
  /** A custom property of styles/tokens.css. */
  colour: string;
  /** SVG path around 0, 0, within a circle of 8. */
  shape: string;
}

export const METHOD_MARKS: Readonly<Record<MethodId, MethodMark>> = {
  taps: { colour: '--method-taps', shape: 'M6.5,0A6.5,6.5 0 1 1 -6.5,0A6.5,6.5 0 1 1 6.5,0Z' },
  'full-fine-tuning': { colour: '--method-full', shape: 'M-6,-6H6V6H-6Z' },
  'linear-probe': { colour: '--method-probe', shape: 'M0,-8L8,0L0,8L-8,0Z' },
  'norm-head': { colour: '--method-norm', shape: 'M0,-7.5L7.5,6H-7.5Z' },
  'bias-head': { colour: '--method-bias', shape: 'M0,7.5L7.5,-6H-7.5Z' },
  'fixed-layers': { colour: '--method-fixed', shape: 'M-3.5,-6.5H3.5L7,0L3.5,6.5H-3.5L-7,0Z' },
  'low-rank': { colour: '--method-low-rank', shape: 'M-2.4,-7H2.4V-2.4H7V2.4H2.4V7H-2.4V2.4H-7V-2.4H-2.4Z' },
  modulator: { colour: '--method-modulator', shape: 'M0,-8L2.2,-2.9L7.6,-2.5L3.5,1.1L4.7,6.5L0,3.6L-4.7,6.5L-3.5,1.1L-7.6,-2.5L-2.2,-2.9Z' },
  piggyback: { colour: '--method-piggyback', shape: 'M-6.5,-6.5H6.5L0,0L6.5,6.5H-6.5L0,0Z' },
};
