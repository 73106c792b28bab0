/** @file The native menu. Its items ask the window; nothing is done here that the window cannot do. */
import { Menu, app, type MenuItemConstructorOptions } from 'electron';
import type { MenuCommand } from '../contract/studio/events.ts';

export interface MenuActions {
  command: (command: MenuCommand) => void;
  openTask: (id: string) => void;
  openLog: () => void;
  /** Leaves, after a question where that would stop work. */
  quit: () => void;
  recent: readonly { id: string; name: string }[];
}

const IS_MAC = process.platform === 'darwin';

export function setMenu({ command, openTask, openLog, quit, recent }: MenuActions): void {
  const item = (label: string, name: MenuCommand, accelerator?: string): MenuItemConstructorOptions => ({ label, click: () => command(name), ...(accelerator === undefined ? {} : { accelerator }) });
  const template: MenuItemConstructorOptions[] = [
    ...(IS_MAC ? [macMenu(item('Settings…', 'go-settings', 'Cmd+,'), quit)] : []),
    {
      label: '&File',
      submenu: [
        item('New task', 'new-task', 'CmdOrCtrl+N'),
        item('Import base…', 'import-base', 'CmdOrCtrl+O'),
        item('Import task…', 'import-task', 'CmdOrCtrl+Shift+O'),
        item('Import task folder…', 'import-task-folder'),
        { label: 'Open recent', enabled: recent.length > 0, submenu: recent.map(({ id, name }) => ({ label: name.replaceAll('&', '&&'), click: () => openTask(id) })) },
        { type: 'separator' },
        IS_MAC ? { role: 'close' } : { label: 'Quit', accelerator: 'CmdOrCtrl+Q', click: quit },
      ],
    },
    { role: 'editMenu' },
    {
      label: '&Go',
      submenu: [
        item('Library', 'go-library', 'CmdOrCtrl+1'),
        item('Training', 'go-training', 'CmdOrCtrl+2'),
        item('Compare', 'go-compare', 'CmdOrCtrl+3'),
        ...(IS_MAC ? [] : [item('Settings', 'go-settings', 'Ctrl+,')]),
        { type: 'separator' },
        item('Find in the library', 'find', 'CmdOrCtrl+F'),
      ],
    },
    {
      label: '&View',
      submenu: [{ role: 'reload' }, { type: 'separator' }, { role: 'resetZoom' }, { role: 'zoomIn' }, { role: 'zoomOut' }, { type: 'separator' }, { role: 'togglefullscreen' }, ...(app.isPackaged ? [] : [{ role: 'toggleDevTools' as const }])],
    },
    { role: 'windowMenu' },
    { role: 'help', submenu: [item('Keyboard shortcuts', 'shortcuts', 'F1'), { label: 'Show the log', click: openLog }, ...(IS_MAC ? [] : [{ role: 'about' as const }])] },
  ];
  app.setAboutPanelOptions({
    applicationName: 'TAPS Studio',
    applicationVersion: app.getVersion(),
    copyright: '© TAPS Studio contributors. MIT licence.',
    credits: 'One pretrained network, many tasks: only the layers that change are stored.',
  });
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}

/** The role `appMenu` with a Quit that asks. */
function macMenu(settings: MenuItemConstructorOptions, quit: () => void): MenuItemConstructorOptions {
  const separator = { type: 'separator' as const };
  return {
    label: app.name,
    submenu: [{ role: 'about' }, separator, settings, separator, { role: 'services' }, separator, { role: 'hide' }, { role: 'hideOthers' }, { role: 'unhide' }, separator, { label: `Quit ${app.name}`, accelerator: 'Cmd+Q', click: quit }],
  };
}
