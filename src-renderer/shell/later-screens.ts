/** @file Screens that nobody sees first: loaded when the first one stands, so that opening the window does not wait for them. */

export const laterScreens = {
  base: () => import('../screens/base/base-screen.svelte'),
  compare: () => import('../screens/compare/compare-screen.svelte'),
  joint: () => import('../screens/joint/joint-screen.svelte'),
  run: () => import('../screens/training/run-screen.svelte'),
  settings: () => import('../screens/settings/settings-screen.svelte'),
  sweep: () => import('../screens/training/sweep-screen.svelte'),
  task: () => import('../screens/task/task-screen.svelte'),
  together: () => import('../screens/joint/joint-form-screen.svelte'),
  training: () => import('../screens/training/training-screen.svelte'),
  wizard: () => import('../screens/wizard/wizard-screen.svelte'),
} as const;

/** When the window has nothing better to do; going to a screen is then immediate. A screen that fails to load says so when it is opened. */
export function loadAllScreens(): void {
  requestIdleCallback(() => {
    for (const load of Object.values(laterScreens)) void load().catch(() => undefined);
  });
}
