/**
 * @file Our own tfjs kernels: what deep networks spend their time in, one kernel per direction, so that each
 * engine can choose its best form. Everything else is tfjs's own kernels.
 */
export const KERNELS = {
  /** x, w [O, C/g, kh, kw] → y */
  conv: 'TapsConv',
  /** dy, w → dx; attribute `inputSize: [h, w]` */
  convGradInput: 'TapsConvGradInput',
  /** x, dy → dw */
  convGradFilter: 'TapsConvGradFilter',
  /** x → y */
  maxPool: 'TapsMaxPool',
  /** x, y, dy → dx (to the first maximum of each window, as PyTorch and ONNX MaxPool do) */
  maxPoolGrad: 'TapsMaxPoolGrad',
  /** x → y */
  averagePool: 'TapsAveragePool',
  /** dy → dx; attribute `inputSize: [h, w]` */
  averagePoolGrad: 'TapsAveragePoolGrad',
  /** x, scale, bias → y, mean, variance (biased), inverse deviation; statistics over batch and space */
  batchNormTrain: 'TapsBatchNormTrain',
  /** dy, x, scale, mean, inverseDeviation → dx, dscale, dbias */
  batchNormTrainGrad: 'TapsBatchNormTrainGrad',
  /** x, scale, bias, mean, variance → y, with given statistics */
  batchNormEval: 'TapsBatchNormEval',
  /** x, scale, bias → y, mean, inverse deviation; over the last axis */
  layerNorm: 'TapsLayerNorm',
  /** dy, x, scale, mean, inverseDeviation → dx, dscale, dbias */
  layerNormGrad: 'TapsLayerNormGrad',
  /** scores of any shape → 1 if score ≥ threshold else 0; gradient passes unchanged (straight-through) */
  gate: 'TapsGate',
  /** y, dy → dy where y > 0, else 0 */
  reluGrad: 'TapsReluGrad',
  /** x → x repeated along its axes of size 1 to attribute `shape` of equal rank */
  broadcast: 'TapsBroadcast',
  /** a, b of equal shape → Σ a·b as a scalar */
  dot: 'TapsDot',
} as const;
