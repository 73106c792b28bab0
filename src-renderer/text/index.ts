/** @file Every word that the window shows, by screen. A translation is another folder beside `en` with the same shape. */
import { base } from './en/base.ts';
import { charts } from './en/charts.ts';
import { compare } from './en/compare.ts';
import { exporting } from './en/exporting.ts';
import { files } from './en/files.ts';
import { frontier } from './en/frontier.ts';
import { goal } from './en/goal.ts';
import { joint } from './en/joint.ts';
import { library } from './en/library.ts';
import { result } from './en/result.ts';
import { settings } from './en/settings.ts';
import { shell } from './en/shell.ts';
import { sweeps } from './en/sweeps.ts';
import { task } from './en/task.ts';
import { training } from './en/training.ts';
import { tune } from './en/tune.ts';
import { welcome } from './en/welcome.ts';
import { wizard } from './en/wizard.ts';
import { words } from './en/words.ts';

export const text = { base, charts, compare, exporting, files, frontier, goal, joint, library, result, settings, shell, sweeps, task, training, tune, welcome, wizard, words };
