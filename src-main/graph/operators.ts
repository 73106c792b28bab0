/** @file The ONNX operators a base may use. docs/models.md lists the same names. */

/** Operators with a differentiable implementation, and those that only prepare shapes. */
export const SUPPORTED_OPERATORS: readonly string[] = [
  'Abs', 'Add', 'AveragePool', 'BatchNormalization', 'Cast', 'Clip', 'Concat', 'Constant', 'ConstantOfShape', 'Conv', 'Div',
  'Dropout', 'Equal', 'Erf', 'Exp', 'Expand', 'Flatten', 'Gather', 'Gelu', 'Gemm', 'GlobalAveragePool', 'GlobalMaxPool', 'HardSigmoid',
  'HardSwish', 'Identity', 'LayerNormalization', 'LeakyRelu', 'Log', 'LogSoftmax', 'MatMul', 'Max', 'MaxPool', 'Min', 'Mul',
  'Neg', 'Pad', 'Pow', 'Range', 'Reciprocal', 'ReduceMean', 'ReduceSum', 'Relu', 'Reshape', 'Shape', 'Sigmoid', 'Slice',
  'Softmax', 'Split', 'Sqrt', 'Squeeze', 'Sub', 'Tanh', 'Transpose', 'Unsqueeze', 'Where',
];
