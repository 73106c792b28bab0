/** @file `taps base import|list|show|remove`. */
import { Command, Option } from 'commander';
import { PREPROCESSING_PRESETS } from '../../contract/preprocessing.ts';
import type { BaseLineage } from '../../contract/joint.ts';
import type { BaseRecord } from '../../contract/records.ts';
import { importBase, type PreprocessingPreset } from '../../services/import-base.ts';
import { openLibrary, openLibraryForReading } from '../../services/open-library.ts';
import { runCommand } from '../context.ts';
import { formatFacts, formatTable } from '../format/table.ts';
import { formatBytes, formatCount, formatTime } from '../format/units.ts';
import { parseInteger } from '../options/parse.ts';

interface ImportOptions {
  name?: string;
  preprocessing?: PreprocessingPreset;
  imageSize?: number;
}

export function baseCommand(): Command {
  const base = new Command('base').description('pretrained networks, each stored once');
  base
    .command('import <path>')
    .description('store a network: an .onnx file, or a TensorFlow.js LayersModel (model.json or its folder)')
    .option('--name <name>', "name in the library [default: the file's]")
    .addOption(new Option('--preprocessing <convention>', "how a picture becomes numbers [default: what the file says, else imagenet]").choices(Object.keys(PREPROCESSING_PRESETS)))
    .option('--image-size <pixels>', "side of the input image (8 to 1024) [default: the file's, else 224]", parseInteger)
    .action((path: string, options: ImportOptions, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal, signal }) => {
        using library = openLibrary(libraryFolder, { create: true });
        terminal.live(`Reading ${path} …`);
        const { base: record, alreadyThere } = await importBase(library, { path, ...options, signal });
        const verb = alreadyThere ? `These bytes are in the library already, as` : 'Imported';
        terminal.result(`${verb} ${record.name}: ${formatCount(record.summary.parameters)} parameters, ${record.summary.gatedLayers} layers that can be adapted, ${formatBytes(record.weights.bytes + record.graph.bytes)}`, record);
      }),
    );
  base
    .command('list')
    .description('all bases')
    .action((_options: object, command: Command) =>
      runCommand(command, ({ libraryFolder, terminal }) => {
        using library = openLibraryForReading(libraryFolder);
        const records = library.bases.list();
        terminal.result(records.length === 0 ? 'No bases yet. Import one: taps base import <file>' : baseTable(records), records);
      }),
    );
  base
    .command('show <name>')
    .description('one base in full')
    .action((name: string, _options: object, command: Command) =>
      runCommand(command, ({ libraryFolder, terminal }) => {
        using library = openLibraryForReading(libraryFolder);
        const record = library.bases.get(name);
        terminal.result(baseFacts(record), record);
      }),
    );
  base
    .command('remove <name>')
    .description('forget a base that no task uses (taps library gc frees its bytes)')
    .action((name: string, _options: object, command: Command) =>
      runCommand(command, ({ libraryFolder, terminal }) => {
        using library = openLibrary(libraryFolder);
        const record = library.bases.get(name);
        library.bases.remove(record.id);
        terminal.result(`Removed ${record.name}`, { removed: record.name, id: record.id });
      }),
    );
  return base;
}

function baseTable(records: readonly BaseRecord[]): string {
  return formatTable(
    [
      { title: 'base', align: 'left' },
      { title: 'parameters', align: 'right' },
      { title: 'layers', align: 'right' },
      { title: 'input', align: 'right' },
      { title: 'bytes', align: 'right' },
      { title: 'imported', align: 'left' },
    ],
    records.map((record) => [
      record.name,
      formatCount(record.summary.parameters),
      String(record.summary.gatedLayers),
      `${record.preprocessing.imageSize} px`,
      formatBytes(record.graph.bytes + record.weights.bytes),
      formatTime(record.createdAt),
    ]),
  );
}

function lineageText({ config, tasks, fromBaseName, fromBaseId, runId }: BaseLineage): string {
  const pictures = tasks.map(({ name, datasetHash }) => `${name} (pictures ${datasetHash.slice(0, 12)}…)`);
  return `joint training (${config.variant}) of ${pictures.join(', ')} on ${fromBaseName} (${fromBaseId.slice(0, 12)}…), run ${runId}`;
}

function baseFacts(record: BaseRecord): string {
  const { preprocessing, summary } = record;
  const operators = Object.entries(summary.operators).sort(([, a], [, b]) => b - a).map(([name, count]) => `${count} ${name}`);
  return formatFacts([
    ['name', record.name],
    ['id', record.id],
    ['source', record.source],
    ...(record.lineage === undefined ? [] : [['learnt by', lineageText(record.lineage)] satisfies [string, string]]),
    [record.lineage === undefined ? 'imported' : 'stored', formatTime(record.createdAt)],
    ['parameters', formatCount(summary.parameters)],
    ['adaptable layers', String(summary.gatedLayers)],
    ['features', String(summary.features)],
    ['operators', operators.join(', ')],
    ['graph', `${formatBytes(record.graph.bytes)}  sha256 ${record.graph.sha256}`],
    ['weights', `${formatBytes(record.weights.bytes)}  sha256 ${record.weights.sha256}`],
    ['input', `${preprocessing.imageSize}×${preprocessing.imageSize} px, ${preprocessing.channelOrder}, ${preprocessing.resize}`],
    ['mean', preprocessing.mean.join(', ')],
    ['deviation', preprocessing.std.join(', ')],
    ['own classes', record.classNames.length === 0 ? 'unknown' : String(record.classNames.length)],
  ]);
}
