/** @file CSV files with the columns file_name, label and perhaps split. Paths are relative to the file's folder and stay inside it. */
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, normalize, resolve, sep } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import { storageError } from '../platform/storage-error.ts';
import { isInside, listingWatch, splitOfName, type ListedImage, type Listing, type ListingOptions } from './listing.ts';
import { parseCsv } from './parse-csv.ts';

const FILE_COLUMNS = ['file_name', 'filename', 'file', 'path', 'image'];
const LABEL_COLUMNS = ['label', 'class', 'class_name'];
const SPLIT_COLUMNS = ['split', 'set', 'subset'];

interface Columns {
  file: number;
  label: number;
  /** −1 when there is none. */
  split: number;
}

/**
 * Rows whose file is missing, unlabelled or outside are quarantined.
 * @throws TapsError `dataset-invalid` for a file that is no such table, `io-failed`, `cancelled`
 */
export async function listCsv(path: string, options: ListingOptions = {}): Promise<Listing> {
  const listed = listingWatch(options);
  const [header, ...rows] = parseCsv(await readText(path), path);
  if (header === undefined) throw new TapsError('dataset-invalid', `The file ${path} is empty.`, 'Give a CSV with the columns file_name and label.');
  const columns = columnsOf(header);
  if (columns === undefined) throw new TapsError('dataset-invalid', `The CSV ${path} has the columns ${header.join(', ')}.`, 'Name two columns file_name and label.');
  const root = dirname(path);
  const listing: Listing = { root, classes: [], images: [], quarantined: [] };
  const realRoot = await realpath(root);
  const classes = new Set<string>();
  for (const row of rows) {
    listed();
    const file = row[columns.file]?.trim() ?? '';
    const className = row[columns.label]?.trim() ?? '';
    if (file === '' && className === '') continue;
    const found = className === '' ? 'no label' : await findFile(root, realRoot, file);
    if (typeof found === 'string') {
      listing.quarantined.push({ path: file, reason: found });
      continue;
    }
    classes.add(className);
    listing.images.push({ path: found.path, className, split: splitOf(path, file, columns.split < 0 ? '' : (row[columns.split]?.trim() ?? '')) });
  }
  listing.classes = [...classes].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return listing;
}

/** Whether a file is a table of pictures by its first line: other tools put files named metadata.csv beside pictures too. */
export async function isImageCsv(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const [header = []] = parseCsv(/^[^\r\n"]*/.exec(text.replaceAll('"', ''))?.[0] ?? '');
  return columnsOf(header) !== undefined;
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw storageError(error, 'read', path);
  });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new TapsError('dataset-invalid', `The CSV ${path} is not UTF-8 text.`, 'Save it as "CSV UTF-8".', { cause: error });
  }
}

function columnsOf(header: string[]): Columns | undefined {
  const column = (names: string[]): number => header.findIndex((cell) => names.includes(cell.trim().toLowerCase()));
  const columns = { file: column(FILE_COLUMNS), label: column(LABEL_COLUMNS), split: column(SPLIT_COLUMNS) };
  return columns.file < 0 || columns.label < 0 ? undefined : columns;
}

/** The file with its clean path, or why it is left out. Paths written on Windows are understood. */
async function findFile(root: string, realRoot: string, file: string): Promise<{ path: string } | string> {
  let reason = 'the file does not exist';
  for (const spelling of file.includes('\\') ? [file, file.replaceAll('\\', '/')] : [file]) {
    const path = normalize(spelling).split(sep).join('/');
    if (spelling === '' || isAbsolute(spelling) || path === '..' || path.startsWith('../')) return 'the path leaves the folder of the CSV';
    const absolute = resolve(root, path);
    if ((await stat(absolute).catch(() => undefined))?.isFile() !== true) continue;
    if (isInside(realRoot, await realpath(absolute))) return { path };
    reason = 'a link that leaves the folder of the CSV';
  }
  return reason;
}

function splitOf(csv: string, file: string, cell: string): ListedImage['split'] {
  const split = splitOfName(cell);
  if (split === undefined && cell !== '') throw new TapsError('dataset-invalid', `The CSV ${csv} gives ${file} the split ${JSON.stringify(cell)}.`, 'Write train, validation or test, or nothing where it is to be drawn.');
  return split;
}
