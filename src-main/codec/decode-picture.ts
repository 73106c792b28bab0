/**
 * @file One file → 8-bit RGB at the working size. sharp (libvips) with strict errors and a pixel limit; EXIF orientation is
 * applied, colours become sRGB, transparency becomes white, of animations the first frame is taken.
 */
import sharp, { type Sharp } from 'sharp';
import { TapsError } from '../contract/errors.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { Picture } from '../core/augment.ts';

/** 64 megapixels: more than any camera that these tasks come from, less than a decompression bomb. */
export const MAX_PIXELS = 64_000_000;
/** What the largest allowed picture takes uncompressed, four channels of 16 bits each. */
export const MAX_FILE_BYTES = MAX_PIXELS * 8;

/**
 * What is decoded, whatever a file is called. libvips reads more, among it formats that are programs rather than pictures (SVG).
 * `heif` is how libvips calls AVIF.
 */
const FORMATS: readonly string[] = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif'];

sharp.cache(false);
sharp.concurrency(1);

/** The working size: what the cache holds, from which training crops are taken. Key of the decoding policy. */
export function workingSize({ resize, imageSize }: Preprocessing): { key: string; side: number } {
  return resize === 'squash' ? { key: `squash-${String(imageSize)}`, side: imageSize } : { key: `crop-${String(Math.round((imageSize * 8) / 7))}`, side: Math.round((imageSize * 8) / 7) };
}

/**
 * `squash`: side × side. `crop`: shorter side = side, longer at most twice that (centre). Kernel: Lanczos 3, widened by the
 * factor when reducing (antialiased, as in Pillow). Warnings of a decoder count as failures: only so are all truncated files found.
 * @throws TapsError `image-unreadable`; the decoder's own words are in its details
 */
export async function decodePicture(bytes: Uint8Array, preprocessing: Preprocessing): Promise<Picture> {
  const { side } = workingSize(preprocessing);
  try {
    const opened = await openPicture(bytes);
    const { width, height, orientation } = opened;
    let { source } = opened;
    const scale = side / Math.min(width, height);
    const target =
      preprocessing.resize === 'squash'
        ? { width: side, height: side }
        : { width: Math.min(Math.max(Math.round(width * scale), side), 2 * side), height: Math.min(Math.max(Math.round(height * scale), side), 2 * side) };
    // sharp turns some pictures after resizing, and enlarging is not the same from all sides (see docs/datasets.md): turned first.
    if (orientation > 1 && (target.width > width || target.height > height)) source = sharp(await source.png({ compressionLevel: 0 }).toBuffer());
    const { data, info } = await source
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .resize({ ...target, fit: preprocessing.resize === 'squash' ? 'fill' : 'cover', position: 'centre', kernel: 'lanczos3', fastShrinkOnLoad: false })
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: threeChannels(data, info.channels) };
  } catch (error) {
    throw unreadable(error);
  }
}

/** For showing: turned, on white, inside size × size, never enlarged, as WebP. @throws TapsError `image-unreadable` */
export async function renderThumbnail(bytes: Uint8Array, size: number): Promise<Uint8Array> {
  try {
    const { source } = await openPicture(bytes);
    return await source
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .resize({ width: size, height: size, fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 82, effort: 2 })
      .toBuffer();
  } catch (error) {
    throw unreadable(error);
  }
}

/** Nothing is decoded yet. Width and height are those after turning. */
async function openPicture(bytes: Uint8Array): Promise<{ source: Sharp; width: number; height: number; orientation: number }> {
  const source = sharp(bytes, { failOn: 'warning', limitInputPixels: MAX_PIXELS, pages: 1, autoOrient: true });
  const { autoOrient, format, orientation = 1 } = await source.metadata();
  if (!FORMATS.includes(format)) throw new TapsError('image-unreadable', `${format.toUpperCase()} is not a format of pictures that is read`, 'Save it as JPEG, PNG, WebP, GIF, TIFF or AVIF.');
  return { source, ...autoOrient, orientation };
}

function unreadable(error: unknown): TapsError {
  if (error instanceof TapsError) return error;
  const words = error instanceof Error ? firstLine(error.message) : String(error);
  return new TapsError('image-unreadable', plainly(words), 'Replace or remove the file.', { cause: error, details: { decoder: words } });
}

/** The decoder's words depend on which of its threads stumbled first, and speak of its own settings. */
function plainly(words: string): string {
  if (words.includes('unsupported image format')) return 'the file is no picture of a format that is read';
  if (words.includes('pixel limit')) return `the picture has more than ${String(MAX_PIXELS)} pixels (pixel limit of one picture)`;
  return 'the picture is damaged or cut off';
}

function threeChannels(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  if (channels !== 1) throw new Error(`decoded to ${String(channels)} channels`);
  const rgb = new Uint8Array(data.length * 3);
  data.forEach((value, index) => rgb.fill(value, index * 3, index * 3 + 3));
  return rgb;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
