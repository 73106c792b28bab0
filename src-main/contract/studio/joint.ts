/** @file Contract: tasks learnt together, from choosing them to the base and the tasks that come of it. */
import { z } from 'zod';
import type { ErrorEnvelope } from '../errors.ts';
import { jointConfigSchema, type JointConfig, type JointMemory, type JointProgress } from '../joint.ts';
import { answer, EMPTY, idSchema, nameSchema, request } from './common.ts';

/** An epoch of the joint stage, as curves show it. */
export interface JointEpochView {
  /** From 0. */
  epoch: number;
  /** Mean over the tasks, 0..1. */
  validationAccuracy: number;
  /** In the run's order. */
  tasks: { validationAccuracy: number; trainLoss: number; openLayers: number }[];
}

export interface JointView {
  id: string;
  /** Of the run, and of the base it makes. */
  name: string;
  baseId: string;
  baseName: string;
  config: JointConfig;
  /** In the order in which they take turns. */
  tasks: { id: string; name: string }[];
  /** `unfinished`: neither going nor waiting; it goes on from its last checkpoint. */
  state: 'waiting' | 'running' | 'paused' | 'unfinished' | 'done';
  /** Counted from 0 among all that waits; null when it does not. */
  position: number | null;
  /** Of the joint stage; `tasks`: the second stage of `two-stage`, one task after the other. null when it does not go. */
  stage: 'decoding' | 'loading' | 'compiling' | 'training' | 'evaluating' | 'saving' | 'tasks' | null;
  progress: JointProgress | null;
  /** What it takes, as said before anything is learnt. */
  memory: JointMemory | null;
  /** Runs of the second stage that are going. */
  now: string[];
  /** Why it ended before its end, where that was no wish of a person. */
  failure: ErrorEnvelope | null;
  /** What came of it, once done: the base and its tasks. */
  result: { baseId: string; baseBytes: number; tasks: { id: string; name: string; testAccuracy: number | null; layersOpen: number; layersTotal: number; bytes: number }[] } | null;
  startedAt: number;
}

const ONE = z.strictObject({ jointId: idSchema });

export const JOINT_REQUESTS = {
  /** Unfinished ones, then those that are done, newest first. */
  'joint.list': request(EMPTY, answer<JointView[]>()),
  /** Epochs are those that were learnt since the program was started. */
  'joint.show': request(ONE, answer<{ joint: JointView; epochs: JointEpochView[] }>()),
  /** At least two tasks of one base, in the order in which they take turns. Remembered before anything is learnt. */
  'joint.start': request(z.strictObject({ name: nameSchema, taskIds: z.array(idSchema).min(2).max(64), config: jointConfigSchema }), answer<JointView>()),
  'joint.resume': request(ONE, answer<JointView>()),
  'joint.pause': request(ONE, answer<JointView>()),
  'joint.continue': request(ONE, answer<JointView>()),
  /** Keeps a checkpoint. One that waits leaves the queue. */
  'joint.stop': request(ONE, answer<JointView>()),
} as const;
