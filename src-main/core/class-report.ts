/** @file What a confusion matrix says about each class. */

export interface ClassScores {
  /** Pictures that are of this class. */
  images: number;
  /** Share of what was called this class that is of it, 0..1; null when nothing was. */
  precision: number | null;
  /** Share of this class that was called so, 0..1; null when there are none of it. */
  recall: number | null;
  /** Harmonic mean of the two; 0 when both are; null when one is null. */
  f1: number | null;
}

/** @param confusion confusion[actual][predicted] in images, square */
export function classScores(confusion: readonly (readonly number[])[]): ClassScores[] {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return confusion.map((row, label) => {
    const hits = row[label] ?? 0;
    const images = sum(row);
    const called = sum(confusion.map((other) => other[label] ?? 0));
    const precision = called === 0 ? null : hits / called;
    const recall = images === 0 ? null : hits / images;
    return { images, precision, recall, f1: precision === null || recall === null ? null : harmonicMean(precision, recall) };
  });
}

function harmonicMean(a: number, b: number): number {
  return a + b === 0 ? 0 : (2 * a * b) / (a + b);
}
