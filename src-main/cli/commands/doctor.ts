/** @file `taps doctor`. */
import { Command } from 'commander';
import { doctor, type DoctorReport, type LibraryState } from '../../services/doctor.ts';
import { runCommand } from '../context.ts';
import { formatFacts } from '../format/table.ts';
import { formatBytes } from '../format/units.ts';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('what works on this machine, and for what does not, the exact reason')
    .action((_options: object, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal }) => {
        terminal.live('Trying the engines …');
        const report = await doctor(libraryFolder);
        terminal.result(describe(report), report);
        const engineWorks = report.engines.some(({ id, available }) => id === 'onnxruntime' && available);
        if (!engineWorks || report.library.state === 'failed') process.exitCode = 5;
      }),
    );
}

function describe(report: DoctorReport): string {
  return formatFacts([
    ['taps', report.version],
    ['machine', `${report.platform}, ${report.cores} cores, ${formatBytes(report.memoryBytes)} memory (${formatBytes(report.freeMemoryBytes)} free)`],
    ...report.engines.map(({ id, available, description }) => [`engine ${id}`, `${available ? 'works' : 'no'}: ${description}`] as const),
    ['library', `${report.library.folder}: ${describeLibrary(report.library)}`],
    ...Object.entries(report.versions),
  ]);
}

function describeLibrary(library: LibraryState): string {
  if (library.state === 'failed') return `cannot be opened: ${library.error.message} ${library.error.advice}`;
  const free = library.freeBytes === null ? '' : `, ${formatBytes(library.freeBytes)} free`;
  return library.state === 'absent' ? `none yet${free}` : `${library.bases} bases, ${library.tasks} tasks${free}`;
}
