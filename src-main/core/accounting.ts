/** @file The ratio of changed parameters that the published TAPS code prints. What a task really takes is in formats/task-artifact-check. */
/** What the published count looks at: sizes in numbers. */
export interface PublishedCount {
  /** Weights of every gated layer, in forward order. */
  gatedWeights: readonly number[];
  /** Which of them are open, by index. */
  open: readonly number[];
  /** Normalisation parameters whose name contains "bn": the published code misses those of shortcuts. */
  countedNorm: number;
  /** All parameters of the network with its original head, without δ and scores. */
  total: number;
}

/**
 * Share of parameters that a task changes, as the published TAPS code counts it: (normalisation + open weights) / (all parameters
 * + one score per layer). It leaves out head, shortcut normalisation and running statistics; `storedParameters` is the honest figure.
 */
export function publishedRatio({ gatedWeights, open, countedNorm, total }: PublishedCount): number {
  const openWeights = open.reduce((sum, index) => sum + (gatedWeights[index] ?? 0), 0);
  return (countedNorm + openWeights) / (total + gatedWeights.length);
}
