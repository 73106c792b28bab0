/** @file The front of what cannot be had smaller and better at once, and choosing a point on it by a preference. */

/** Something that costs bytes and brings accuracy. */
export interface FrontPoint {
  /** Of the stored task. */
  bytes: number;
  /** Fraction 0..1. */
  accuracy: number;
}

/** At most as many bytes and at least as accurate, and better in one of the two. */
export function dominates(a: FrontPoint, b: FrontPoint): boolean {
  return a.bytes <= b.bytes && a.accuracy >= b.accuracy && (a.bytes < b.bytes || a.accuracy > b.accuracy);
}

/**
 * Points that no other dominates, by rising bytes and so by rising accuracy; of equal points the first given. O(n log n).
 */
export function paretoFront<Point extends FrontPoint>(points: readonly Point[]): Point[] {
  const sorted = points.toSorted((a, b) => a.bytes - b.bytes || b.accuracy - a.accuracy);
  const front: Point[] = [];
  for (const point of sorted) {
    if (point.accuracy > (front.at(-1)?.accuracy ?? -Infinity)) front.push(point);
  }
  return front;
}

/**
 * Area that a front dominates between its points and a reference that is worse than all (Zitzler and Thiele 1999), with bytes on a
 * logarithmic axis because sizes of tasks span orders of magnitude: natural logarithm of bytes times accuracy.
 * @param reference larger in bytes and lower in accuracy; points beyond it count nothing
 */
export function hypervolume(points: readonly FrontPoint[], reference: FrontPoint): number {
  const front = paretoFront(points.filter(({ bytes, accuracy }) => bytes < reference.bytes && accuracy > reference.accuracy));
  return front.reduce((sum, { bytes, accuracy }, index) => {
    const right = front[index + 1]?.bytes ?? reference.bytes;
    return sum + (Math.log(right) - Math.log(bytes)) * (accuracy - reference.accuracy);
  }, 0);
}

/** What a front says in numbers. */
export interface FrontSummary<Point extends FrontPoint> {
  front: Point[];
  /** The most accurate, of those the smallest. */
  best: Point;
  /** The smallest that is at most so many points below the best. */
  within: { points: number; point: Point }[];
}

/**
 * @param losses percentage points that may be given up against the best
 * @returns null without points
 */
export function summariseFront<Point extends FrontPoint>(points: readonly Point[], losses: readonly number[] = [0.5, 1, 2, 5]): FrontSummary<Point> | null {
  const front = paretoFront(points);
  const best = front.at(-1);
  if (best === undefined) return null;
  const within = losses.map((loss) => ({ points: loss, point: front.find(({ accuracy }) => accuracy >= best.accuracy - loss / 100 - 1e-9) ?? best }));
  return { front, best, within };
}

/** Best and worst of each objective: without a common scale a preference means nothing. */
export interface ChebyshevScale {
  /** The lowest loss, and the loss that counts as 1 above it (a linear probe's, say). */
  loss: { best: number; worst: number };
  /** The fewest bytes, and the bytes that count as 1 above them (those of full fine-tuning). */
  bytes: { best: number; worst: number };
}

/**
 * The point that minimises the modified weighted Chebyshev scalarisation max_i k_i·[(ℓ_i − a_i) + ε·Σ_j (ℓ_j − a_j)] over normalised
 * bytes (ℓ_0, weight k) and loss (ℓ_1, weight 1 − k) (Hotegni, Berkemeier and Peitz, IJCNN 2024, arXiv 2308.12243). Unlike a weighted
 * sum it reaches the points in dents of a front; ε removes points that are only weakly optimal. Ties go to fewer bytes.
 * @param preference k, 0 (accuracy alone counts) to 1 (bytes alone)
 * @param lossOf lower is better; error rate or cross-entropy
 * @returns undefined without points
 */
export function chooseByPreference<Point extends { bytes: number }>(points: readonly Point[], preference: number, scale: ChebyshevScale, lossOf: (point: Point) => number, epsilon = 1e-4): Point | undefined {
  const normalise = (value: number, { best, worst }: { best: number; worst: number }): number => (worst === best ? value - best : (value - best) / (worst - best));
  const costOf = (point: Point): number => {
    const bytes = normalise(point.bytes, scale.bytes);
    const loss = normalise(lossOf(point), scale.loss);
    const augmented = epsilon * (bytes + loss);
    return Math.max(preference * (bytes + augmented), (1 - preference) * (loss + augmented));
  };
  return points.toSorted((a, b) => costOf(a) - costOf(b) || a.bytes - b.bytes)[0];
}

/** A scale from the points themselves. */
export function scaleOf<Point extends { bytes: number }>(points: readonly Point[], lossOf: (point: Point) => number): ChebyshevScale {
  const range = (values: number[]): { best: number; worst: number } => ({ best: Math.min(...values), worst: Math.max(...values) });
  return { loss: range(points.map(lossOf)), bytes: range(points.map(({ bytes }) => bytes)) };
}

/**
 * What a person's wish means on the results of one task: of those that none dominates, the one that the preference chooses by error
 * rate and the logarithm of bytes. Sizes of results span orders of magnitude; on a linear scale all that are small would count the same.
 * `taps adopt --prefer` and the studio's slider both ask here.
 * @param points accuracy as measured on validation pictures: choosing by test pictures would spend them
 * @param preference k, 0 (the most accurate) to 1 (the smallest)
 * @returns undefined without points
 */
export function chooseOnFront<Point extends FrontPoint>(points: readonly Point[], preference: number): Point | undefined {
  const front = paretoFront(points).map((point) => ({ point, bytes: Math.log(point.bytes), loss: 1 - point.accuracy }));
  const lossOf = ({ loss }: { loss: number }): number => loss;
  return chooseByPreference(front, preference, scaleOf(front, lossOf), lossOf)?.point;
}
