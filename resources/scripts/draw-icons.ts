/**
 * @file Draws the app's icons from resources/installer/*.svg: icon.png (1024 pixels, from which electron-builder makes .icns and .ico)
 * and icons/<size>x<size>.png for Linux.
 *
 * node resources/scripts/draw-icons.ts
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

const folder = join(import.meta.dirname, '..', 'installer');
const SIZES = [16, 24, 32, 48, 64, 128, 256, 512, 1024];
const LARGEST_SMALL = 32;
/** Points per inch at which an SVG of `units` units is drawn `pixels` wide. */
const density = (pixels: number, units: number): number => Math.max(1, (72 * pixels) / units);

mkdirSync(join(folder, 'icons'), { recursive: true });
for (const size of SIZES) {
  const small = size <= LARGEST_SMALL;
  const drawn = sharp(join(folder, small ? 'icon-small.svg' : 'icon.svg'), { density: density(size, small ? 32 : 1024) });
  await drawn.resize(size, size).png({ compressionLevel: 9 }).toFile(join(folder, 'icons', `${size}x${size}.png`));
}
await sharp(join(folder, 'icon.svg'), { density: 72 }).resize(1024, 1024).png({ compressionLevel: 9 }).toFile(join(folder, 'icon.png'));
