/** @file How much several tasks on one base have in common when they look at the same picture. */

export interface TaskPairShare {
  /** Names. */
  tasks: [string, string];
  /** Part of one forward pass that both need and that is computed once, 0..1; by multiplications. */
  share: number;
  /** Name of the base's first tensor in which they differ; null when only their heads do, or their pictures are prepared differently. */
  differFrom: string | null;
}

export interface Sharing {
  /** Every two of the tasks, in their order. */
  pairs: TaskPairShare[];
  /** Work for all tasks together, in forward passes of one: 1 when only heads differ, their number when nothing is common. */
  passes: number;
}
