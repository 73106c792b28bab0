/**
 * @file Programs to copy that run an exported file: Python with onnxruntime, numpy and Pillow, Node with onnxruntime-node and sharp.
 * They prepare a picture as the network expects it; every text in them is data of the task, written as JSON.
 */
import type { Preprocessing } from '../contract/preprocessing.ts';

export interface SnippetInput {
  fileName: string;
  preprocessing: Preprocessing;
  classNames: readonly string[];
}

/** Shorter side before the centre is taken: see contract/preprocessing. */
const resizedSide = (imageSize: number): number => Math.round((imageSize * 8) / 7);

export function snippetsOf(input: SnippetInput): { python: string; node: string } {
  return { python: pythonSnippet(input), node: nodeSnippet(input) };
}

/** JSON of texts, numbers and lists of them is valid Python and JavaScript; both read UTF-8. */
const literal = (value: unknown): string => JSON.stringify(value);

function pythonSnippet({ fileName, preprocessing, classNames }: SnippetInput): string {
  const { imageSize, resize, scale, mean, std, channelOrder } = preprocessing;
  const resized =
    resize === 'squash'
      ? [`picture = picture.resize((${String(imageSize)}, ${String(imageSize)}), Image.Resampling.LANCZOS)`]
      : [
          `factor = ${String(resizedSide(imageSize))} / min(picture.size)`,
          'picture = picture.resize([round(side * factor) for side in picture.size], Image.Resampling.LANCZOS)',
          `left, top = [(side - ${String(imageSize)}) // 2 for side in picture.size]`,
          `picture = picture.crop((left, top, left + ${String(imageSize)}, top + ${String(imageSize)}))`,
        ];
  return `# pip install onnxruntime numpy pillow
import sys
import numpy as np
import onnxruntime as ort
from PIL import Image, ImageOps

classes = ${literal(classNames)}
session = ort.InferenceSession(${literal(fileName)})

picture = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("RGBA")
picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
${resized.join('\n')}
x = np.asarray(picture, dtype=np.float32)${channelOrder === 'bgr' ? '[:, :, ::-1]' : ''} * np.float32(${String(scale)})
x = (x - np.array(${literal(mean)}, np.float32)) / np.array(${literal(std)}, np.float32)
x = np.ascontiguousarray(x.transpose(2, 0, 1)[None])  # 1, 3, ${String(imageSize)}, ${String(imageSize)}

logits = session.run(None, {session.get_inputs()[0].name: x})[0][0]
p = np.exp(logits - logits.max())
p /= p.sum()
for i in p.argsort()[::-1][:5]:
    print(f"{p[i]:7.2%}  {classes[i]}")
`;
}

function nodeSnippet({ fileName, preprocessing, classNames }: SnippetInput): string {
  const { imageSize, resize, scale, mean, std, channelOrder } = preprocessing;
  const side = String(imageSize);
  const shorter = String(resizedSide(imageSize));
  return `// npm install onnxruntime-node sharp, then: node run.mjs picture.jpg
import ort from 'onnxruntime-node';
import sharp from 'sharp';

const classes = ${literal(classNames)};
const session = await ort.InferenceSession.create(${literal(fileName)});

${nodePixels(resize, side, shorter)}
const mean = ${literal(mean)}, std = ${literal(std)}, plane = ${side} * ${side};
const x = new Float32Array(3 * plane);
for (let i = 0; i < plane; i++) {
  for (let c = 0; c < 3; c++) x[c * plane + i] = (pixels[i * 3 + ${channelOrder === 'bgr' ? '2 - c' : 'c'}] * ${String(scale)} - mean[c]) / std[c];
}

const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', x, [1, 3, ${side}, ${side}]) };
const logits = Array.from((await session.run(feeds))[session.outputNames[0]].data);
const powers = logits.map((value) => Math.exp(value - Math.max(...logits)));
const sum = powers.reduce((a, b) => a + b);
powers
  .map((power, i) => [power / sum, classes[i]])
  .sort((a, b) => b[0] - a[0])
  .slice(0, 5)
  .forEach(([share, name]) => console.log(\`\${(100 * share).toFixed(2).padStart(6)} %  \${name}\`));
`;
}

/** Turned and resized in pipelines of their own: in one, sharp would put them in another order. */
function nodePixels(resize: Preprocessing['resize'], side: string, shorter: string): string {
  const resized = resize === 'squash' ? `.resize(${side}, ${side}, { fit: 'fill', fastShrinkOnLoad: false })` : `.resize(${shorter}, ${shorter}, { fit: 'outside', fastShrinkOnLoad: false })`;
  const taken = resize === 'squash' ? 'data' : `await sharp(data, { raw: info })
  .extract({ left: (info.width - ${side}) >> 1, top: (info.height - ${side}) >> 1, width: ${side}, height: ${side} }).raw().toBuffer()`;
  return `const { data, info } = await sharp(await sharp(process.argv[2]).rotate().toBuffer())
  .flatten({ background: '#fff' }).toColourspace('srgb')
  ${resized}
  .removeAlpha().raw().toBuffer({ resolveWithObject: true });
const pixels = ${taken};`;
}
