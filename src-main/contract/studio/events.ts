/** @file Contract: what the main side tells without being asked. */
import type { z } from 'zod';
import type { EpochMetrics } from '../training.ts';
import type { LibraryStatus, Settings } from './app.ts';
import { answer, type Grant } from './common.ts';
import type { JointView } from './joint.ts';
import type { RunView } from './runs.ts';

export const MENU_COMMANDS = ['new-task', 'import-base', 'import-task', 'import-task-folder', 'go-library', 'go-training', 'go-compare', 'go-settings', 'find', 'shortcuts'] as const;
export type MenuCommand = (typeof MENU_COMMANDS)[number];

export const STUDIO_EVENTS = {
  /** Bases, tasks, results or datasets are not what they were: ask again. */
  'library.changed': answer<Record<string, never>>(),
  'library.status': answer<LibraryStatus>(),
  'settings.changed': answer<Settings>(),
  /** State or progress of one run; at most a few times a second. */
  'run.changed': answer<RunView>(),
  /** State or progress of joint training; at most a few times a second. */
  'joint.changed': answer<JointView>(),
  'run.epoch': answer<{ runId: string; metrics: EpochMetrics }>(),
  /** `label`: what is being done, in words. `total` 0 when unknown. */
  'operation.progress': answer<{ operationId: string; label: string; done: number; total: number }>(),
  'menu.command': answer<{ command: MenuCommand }>(),
  /** A task from the menu of recent ones. */
  'task.open': answer<{ id: string }>(),
  /** Files opened from outside: a double click, the command line, the dock. */
  'files.opened': answer<{ grants: Grant[] }>(),
} as const satisfies Record<string, z.ZodType>;
export type StudioEventName = keyof typeof STUDIO_EVENTS;
export type StudioEvent = { [K in StudioEventName]: { name: K; payload: z.infer<(typeof STUDIO_EVENTS)[K]> } }[StudioEventName];
