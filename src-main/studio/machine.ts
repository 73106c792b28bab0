/** @file What this machine can do, and the report that says so. */
import type { MachineReport } from '../contract/studio/app.ts';
import { describeMachine } from '../services/doctor.ts';
import { volumeOf } from '../platform/storage-error.ts';
import type { StudioContext } from './context.ts';
import { throwIfCancelled } from './operations.ts';
import { reportText } from './report.ts';

export function checkMachine(context: StudioContext, operationId: string): Promise<MachineReport> {
  return context.operations.run(operationId, 'Asking the engines', async ({ signal }) => {
    const machine = await describeMachine();
    throwIfCancelled(signal);
    const folder = context.libraryFolder;
    const status = context.libraryStatus();
    return { ...machine, library: { folder, freeBytes: volumeOf(folder)?.freeBytes ?? null, error: status.state === 'failed' ? status.error : null } };
  });
}

export async function makeReport(context: StudioContext): Promise<{ fileName: string; text: string }> {
  const machine = await describeMachine();
  const runs: Record<string, number> = {};
  for (const { status } of context.sessionOrNull?.library.runs.heads({ results: false }) ?? []) runs[status] = (runs[status] ?? 0) + 1;
  const { transport, platform } = context.options;
  const text = reportText({ machine, library: context.libraryStatus(), transport, runs, logFile: platform.logFile });
  return { fileName: `taps-studio-report-${new Date().toISOString().slice(0, 10)}.txt`, text };
}
