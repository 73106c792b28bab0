/** @file CSV files with the columns file_name, label and perhaps split. Paths are relative to the file's folder and stay inside it. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, normalize, resolve, sep } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import { splitOfName, type Listing } from './listing.ts';
import { parseCsv } from './parse-csv.ts';

const FILE_COLUMNS = ['file_name', 'filename', 'file', 'path', 'image'];
const LABEL_COLUMNS = ['label', 'class', 'class_name'];

export async function listCsv(path: string): Promise<Listing> {
  const [header, ...rows] = parseCsv(await readFile(path, 'utf8'));
  if (header === undefined) throw new TapsError('dataset-invalid', `The file ${path} is empty.`, 'Give a CSV with the columns file_name and label.');
  const column = (names: string[]): number => header.findIndex((cell) => names.includes(cell.trim().toLowerCase()));
  const fileColumn = column(FILE_COLUMNS);
  const labelColumn = column(LABEL_COLUMNS);
  const splitColumn = column(['split', 'set', 'subset']);
  if (fileColumn < 0 || labelColumn < 0) {
    throw new TapsError('dataset-invalid', `The CSV ${path} has the columns ${header.join(', ')}.`, 'Name two columns file_name and label.');
  }
  const root = dirname(path);
  const listing: Listing = { root, classes: [], images: [], quarantined: [] };
  const classes = new Set<string>();
  for (const row of rows) {
    const file = row[fileColumn]?.trim() ?? '';
    const className = row[labelColumn]?.trim() ?? '';
    if (file === '' && className === '') continue;
    const clean = normalize(file).split(sep).join('/');
    if (className === '') listing.quarantined.push({ path: file, reason: 'no label' });
    else if (file === '' || isAbsolute(file) || clean.startsWith('../')) listing.quarantined.push({ path: file, reason: 'the path leaves the folder of the CSV' });
    else if (!(await isFile(resolve(root, clean)))) listing.quarantined.push({ path: clean, reason: 'the file does not exist' });
    else {
      classes.add(className);
      listing.images.push({ path: clean, className, split: splitColumn < 0 ? undefined : splitOfName(row[splitColumn]?.trim() ?? '') });
    }
  }
  listing.classes = [...classes].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return listing;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
