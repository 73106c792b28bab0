/** @file From what a person points at to a model file that is read here, or a refusal that says how to convert. */
import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { TapsError } from '../contract/errors.ts';

export interface ModelFile {
  kind: 'onnx' | 'layers-model';
  path: string;
  suggestedName: string;
}

/** Formats that are refused on purpose. Pickled files can run code when they are read, and are never opened. */
const REFUSED: Record<string, string> = {
  '.pt': 'Export it from PyTorch: torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), "model.onnx", opset_version=17).',
  '.pth': 'Load it in PyTorch and export it: torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), "model.onnx", opset_version=17).',
  '.ckpt': 'Load it in its own framework and export it to ONNX.',
  '.bin': 'Load it in PyTorch and export it to ONNX with torch.onnx.export.',
  '.pkl': 'Load it in Python and export the model to ONNX.',
  '.h5': 'Convert it: tensorflowjs_converter --input_format keras model.h5 folder/, then import the folder.',
  '.keras': 'Convert it: tensorflowjs_converter --input_format keras model.keras folder/, then import the folder.',
  '.pb': 'Convert it to ONNX with tf2onnx.',
  '.tflite': 'Convert it to ONNX with tf2onnx --tflite.',
  '.gguf': 'GGUF holds language models; import an image network in ONNX.',
  '.safetensors': 'A safetensors file has weights but no network; export the whole model to ONNX.',
};

export async function findModelFile(path: string): Promise<ModelFile> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) throw new TapsError('not-found', `There is no file or folder at ${path}.`, 'Check the path.');
  if (info.isDirectory()) return findInFolder(path);
  const extension = extname(path).toLowerCase();
  const advice = REFUSED[extension];
  if (advice !== undefined) throw new TapsError('model-kind', `${basename(path)} is a ${extension} file, which is not read here.`, advice);
  await refuseDisguised(path);
  if (extension === '.json') return { kind: 'layers-model', path, suggestedName: basename(dirname(path)) };
  return { kind: 'onnx', path, suggestedName: basename(path, extname(path)) };
}

async function findInFolder(folder: string): Promise<ModelFile> {
  const files = await readdir(folder);
  if (files.includes('model.json')) return { kind: 'layers-model', path: join(folder, 'model.json'), suggestedName: basename(folder) };
  const onnx = files.filter((file) => extname(file).toLowerCase() === '.onnx');
  const [only] = onnx;
  if (only === undefined || onnx.length > 1) {
    throw new TapsError('model-kind', `The folder ${folder} has ${onnx.length === 0 ? 'no model.json and no .onnx file' : `${String(onnx.length)} .onnx files`}.`, 'Name one .onnx file, or a folder with a TensorFlow.js model.json.');
  }
  return { kind: 'onnx', path: join(folder, only), suggestedName: basename(only, extname(only)) };
}

/** Web pages and Git LFS pointers under a model's name. */
async function refuseDisguised(path: string): Promise<void> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(256);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const start = head.subarray(0, bytesRead).toString('latin1');
    if (start.startsWith('version https://git-lfs')) throw new TapsError('model-kind', `${basename(path)} is a Git LFS pointer of ${String(bytesRead)} bytes, not the model.`, 'Fetch the real file with git lfs pull.');
    if (/^\s*<(!doctype|html)/i.test(start)) throw new TapsError('model-kind', `${basename(path)} is a web page, not a model.`, 'Download the file itself, not the page about it.');
    if (start.startsWith('PK\u0003\u0004')) throw new TapsError('model-kind', `${basename(path)} is a zip archive (PyTorch saves such files).`, REFUSED['.pt'] ?? '');
  } finally {
    await file.close();
  }
}
