/**
 * @file Which form each part takes: the fewest bytes at a predicted divergence, by Lagrange multipliers (Shoham and Gersho, IEEE Trans.
 * ASSP 1988). The prediction adds up over parts: close to its minimum a divergence is a quadratic form of the weights, and each part's
 * is measured once.
 */

export interface RatedOption {
  /** About what it takes in the file. */
  bytes: number;
  /** Predicted divergence when only this part is in this form, ≥ 0. */
  divergence: number;
}

/** Halvings of the range of multipliers: enough to tell all options apart. */
const STEPS = 80;
const LEAST_MULTIPLIER = 1e-6;
const MOST_MULTIPLIER = 1e18;

/**
 * @param parts the options of each part; one of them has no divergence
 * @param limit of the sum of predicted divergences, ≥ 0
 * @returns for each part the position of its option; the sum is within the limit
 */
export function chooseForms(parts: readonly (readonly RatedOption[])[], limit: number): number[] {
  let low = Math.log(LEAST_MULTIPLIER);
  let high = Math.log(MOST_MULTIPLIER);
  let best = cheapest(parts, Infinity);
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    const choice = cheapest(parts, Math.exp(middle));
    if (sumOf(parts, choice) <= limit) {
      best = choice;
      high = middle;
    } else low = middle;
  }
  return best;
}

/** Least bytes + multiplier · divergence; of equals the one with less divergence, then the first. */
function cheapest(parts: readonly (readonly RatedOption[])[], multiplier: number): number[] {
  return parts.map((options) => {
    let best = 0;
    let least = Infinity;
    options.forEach(({ bytes, divergence }, position) => {
      const cost = divergence === 0 ? bytes : bytes + multiplier * divergence;
      const equal = cost === least && divergence < (options[best]?.divergence ?? 0);
      if (cost > least || (cost === least && !equal)) return;
      best = position;
      least = cost;
    });
    return best;
  });
}

function sumOf(parts: readonly (readonly RatedOption[])[], choice: readonly number[]): number {
  return parts.reduce((sum, options, part) => sum + (options[choice[part] ?? 0]?.divergence ?? 0), 0);
}
