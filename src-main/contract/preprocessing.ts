/** @file How a picture becomes a network's input. Stored with every base and written into every export. */
import { z } from 'zod';

/**
 * The picture is decoded to sRGB, resized, cropped to `imageSize`², its channels put in
 * `channelOrder`, each value v in 0..255 becomes (v · scale − mean[c]) / std[c], c counted in `channelOrder`.
 */
export const preprocessingSchema = z.strictObject({
  /** Side of the square input in pixels. 8..1024. */
  imageSize: z.number().int().min(8).max(1024),
  channelOrder: z.enum(['rgb', 'bgr']),
  /** Multiplies the 0..255 value first: 1/255 for torchvision, 1 for Keras "caffe" models. */
  scale: z.number().positive(),
  mean: z.tuple([z.number(), z.number(), z.number()]),
  std: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]),
  /**
   * `squash`: resize both sides to imageSize. `crop`: resize the shorter side to round(imageSize · 8/7)
   * (256 for 224, torchvision's rule) and take the centre.
   */
  resize: z.enum(['squash', 'crop']),
});
export type Preprocessing = z.infer<typeof preprocessingSchema>;

/** Named conventions that `base import --preprocessing` accepts. imageSize is set from the model's input where it is fixed. */
export const PREPROCESSING_PRESETS: Record<'imagenet' | 'caffe' | 'unit' | 'half', Omit<Preprocessing, 'imageSize'>> = {
  /** torchvision: RGB, 0..1, ImageNet mean and deviation. */
  imagenet: { channelOrder: 'rgb', scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], resize: 'crop' },
  /** Keras "caffe" mode (ResNet-50, VGG): BGR, 0..255, mean subtracted. */
  caffe: { channelOrder: 'bgr', scale: 1, mean: [103.939, 116.779, 123.68], std: [1, 1, 1], resize: 'crop' },
  /** 0..1, nothing subtracted. */
  unit: { channelOrder: 'rgb', scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
  /** −1..1 (Keras "tf" mode: MobileNet; timm's mean = std = 0.5). */
  half: { channelOrder: 'rgb', scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], resize: 'squash' },
};
