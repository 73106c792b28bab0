/**
 * @file Random resized crop, flip and normalisation of one decoded picture. Every draw is a function of (seed, epoch, image) and
 * the arithmetic has a fixed order, so that a run is the same run on every machine and after every resume.
 */
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { TrainConfig } from '../contract/training.ts';
import { RandomStream } from './random.ts';

/** HWC, RGB, 0..255. */
export interface Picture {
  width: number;
  height: number;
  data: Uint8Array;
}

/** Part of a picture in pixels. */
export interface Crop {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Shares of the picture's area that a crop keeps, and its width : height (torchvision's rule; a milder scale for small tasks). */
const SCALE = [0.35, 1] as const;
const RATIO = [3 / 4, 4 / 3] as const;

/** Random resized crop (Szegedy et al., CVPR 2015, as in torchvision): ten tries, then the centre. */
export function randomCrop(picture: { width: number; height: number }, stream: RandomStream): Crop {
  const area = picture.width * picture.height;
  for (let attempt = 0; attempt < 10; attempt++) {
    const target = area * (SCALE[0] + (SCALE[1] - SCALE[0]) * stream.uniform());
    const ratio = Math.exp(Math.log(RATIO[0]) + (Math.log(RATIO[1]) - Math.log(RATIO[0])) * stream.uniform());
    const width = Math.round(Math.sqrt(target * ratio));
    const height = Math.round(Math.sqrt(target / ratio));
    if (width >= 1 && height >= 1 && width <= picture.width && height <= picture.height) {
      return { x: stream.below(picture.width - width + 1), y: stream.below(picture.height - height + 1), width, height };
    }
  }
  return centreCrop(picture, Math.min(picture.width, picture.height));
}

/** Largest centred square of the given side. */
export function centreCrop(picture: { width: number; height: number }, side: number): Crop {
  const width = Math.min(side, picture.width);
  const height = Math.min(side, picture.height);
  return { x: Math.floor((picture.width - width) / 2), y: Math.floor((picture.height - height) / 2), width, height };
}

/**
 * Writes [3, S, S] normalised floats at `offset`. Bilinear with pixel centres at ½; a crop of exactly S × S is copied.
 * Values are (v·scale − mean)/std per channel in the model's channel order.
 */
export function renderCrop(picture: Picture, crop: Crop, flip: boolean, preprocessing: Preprocessing, out: Float32Array, offset: number): void {
  const side = preprocessing.imageSize;
  const plane = side * side;
  const { data, width } = picture;
  const columns = sampling(crop.x, crop.width, side, flip);
  const rows = sampling(crop.y, crop.height, side, false);
  for (let channel = 0; channel < 3; channel++) {
    const source = preprocessing.channelOrder === 'rgb' ? channel : 2 - channel;
    const factor = preprocessing.scale / (preprocessing.std[channel] ?? 1);
    const shift = (preprocessing.mean[channel] ?? 0) / (preprocessing.std[channel] ?? 1);
    let target = offset + channel * plane;
    for (let y = 0; y < side; y++) {
      const top = (rows.first[y] ?? 0) * width;
      const bottom = (rows.second[y] ?? 0) * width;
      const fy = rows.fraction[y] ?? 0;
      for (let x = 0; x < side; x++) {
        const left = columns.first[x] ?? 0;
        const right = columns.second[x] ?? 0;
        const fx = columns.fraction[x] ?? 0;
        const a = data[(top + left) * 3 + source] ?? 0;
        const b = data[(top + right) * 3 + source] ?? 0;
        const c = data[(bottom + left) * 3 + source] ?? 0;
        const d = data[(bottom + right) * 3 + source] ?? 0;
        const upper = a + (b - a) * fx;
        const lower = c + (d - c) * fx;
        out[target++] = (upper + (lower - upper) * fy) * factor - shift;
      }
    }
  }
}

/** For each output position the two source pixels and the weight of the second. */
function sampling(begin: number, length: number, side: number, flip: boolean): { first: Int32Array; second: Int32Array; fraction: Float64Array } {
  const first = new Int32Array(side);
  const second = new Int32Array(side);
  const fraction = new Float64Array(side);
  for (let position = 0; position < side; position++) {
    const at = Math.min(Math.max(((position + 0.5) * length) / side - 0.5, 0), length - 1);
    const low = Math.floor(at);
    const slot = flip ? side - 1 - position : position;
    first[slot] = begin + low;
    second[slot] = begin + Math.min(low + 1, length - 1);
    fraction[slot] = at - low;
  }
  return { first, second, fraction };
}

/** Training view of a picture: crop and flip as the augmentation says, drawn for (seed, epoch, image). */
export function augment(
  picture: Picture,
  augmentation: TrainConfig['augmentation'],
  key: { seed: number; epoch: number; image: number },
  preprocessing: Preprocessing,
  out: Float32Array,
  offset: number,
): void {
  const stream = new RandomStream(key.seed, 'augment', key.epoch, key.image);
  // The flip is drawn first: crops take a varying number of draws.
  const flipDraw = stream.uniform() < 0.5;
  const flip = flipDraw && (augmentation === 'crop-flip' || augmentation === 'flip');
  const crop = augmentation === 'crop-flip' || augmentation === 'crop' ? randomCrop(picture, stream) : evaluationCrop(picture, preprocessing);
  renderCrop(picture, crop, flip, preprocessing, out, offset);
}

/** What evaluation looks at: the whole squashed picture, or the central square of the model's size. */
export function evaluationCrop(picture: { width: number; height: number }, preprocessing: Preprocessing): Crop {
  return preprocessing.resize === 'squash'
    ? { x: 0, y: 0, width: picture.width, height: picture.height }
    : centreCrop(picture, preprocessing.imageSize);
}
