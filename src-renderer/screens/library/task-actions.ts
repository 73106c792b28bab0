/** @file What can be done with a task from the library, as menu items. */
import type { TaskCard } from '../../../src-main/contract/studio/library.ts';
import type { IconName } from '../../parts/icon.svelte';
import { useApp } from '../../state/app.svelte.ts';
import { text } from '../../text/index.ts';

export interface MenuItem {
  label: string;
  icon?: IconName;
  danger?: boolean;
  disabled?: boolean;
  run: () => void;
}

/** Call while a component is being made. */
export function useTaskActions(): (task: TaskCard) => MenuItem[] {
  const app = useApp();
  return (task) => [
    { label: text.library.open, icon: 'chevron', run: () => app.router.go(`/task/${task.id}`) },
    { label: text.library.train, icon: 'training', disabled: task.images === 0, run: () => app.router.go(`/task/${task.id}/train`) },
    { label: text.library.exportIt, icon: 'download', disabled: task.current === null, run: () => app.router.go(`/task/${task.id}/export`) },
    { label: text.library.reveal, icon: 'folder', disabled: task.images === 0, run: () => void reveal(app, task) },
    { label: text.library.remove, icon: 'trash', danger: true, run: () => void app.remove('task', task.id) },
  ];
}

async function reveal(app: ReturnType<typeof useApp>, task: TaskCard): Promise<void> {
  const shown = await app.attempt(() => app.studio.request('app.reveal', { what: 'task-images', id: task.id }));
  if (shown !== undefined && !shown.shown) app.toasts.show({ message: shown.displayPath });
}
