"""Learns one task with the reference TAPS, from pictures that are decoded already, and prints one line of JSON.

    python3 tests/reference/learn_task.py --onnx base.onnx --prepared folder --preprocessing '{...}' --size 32 --epochs 30

`--prepared` is a folder with the project's `prepared.json`: both sides see the same decoded pictures in the same splits. Crops, flips and
the published cosine with its warm-up are done as a PyTorch user would. The epoch that is kept is the best on the validation pictures in
the second half of the penalised ones; the test pictures are looked at once.

Needs torch and onnx.
"""
import argparse
import copy
import json
import math
import os
import resource
import time

import numpy
import torch
from torch.nn import functional as F

from onnx_network import OnnxNetwork
from taps_trainer import TapsSettings, TapsTrainer

HEADER_BYTES = 16
SCALE, RATIO = (0.35, 1.0), (3 / 4, 4 / 3)


def arguments():
    parser = argparse.ArgumentParser(description='PyTorch side of the benchmark of whole tasks.')
    parser.add_argument('--onnx', required=True)
    parser.add_argument('--prepared', required=True)
    parser.add_argument('--preprocessing', required=True, type=json.loads)
    parser.add_argument('--size', type=int, required=True)
    parser.add_argument('--epochs', type=int, default=30)
    parser.add_argument('--warmup', type=int, default=3)
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--lr', type=float, default=0.01)
    parser.add_argument('--sparsity', type=float, default=1.0)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--threads', type=int, default=2)
    return parser.parse_args()


def read_pictures(folder):
    """{split: [(picture [3, H, W] of 0..255, label)]}."""
    with open(os.path.join(folder, 'prepared.json'), encoding='utf-8') as file:
        index = json.load(file)
    splits = {'train': [], 'validation': [], 'test': []}
    for image in index['images']:
        raw = numpy.fromfile(os.path.join(index['cache'], image['file']), dtype=numpy.uint8)[HEADER_BYTES:]
        pixels = torch.from_numpy(raw.reshape(image['height'], image['width'], 3).copy()).permute(2, 0, 1)
        splits[image['split']].append((pixels, image['label']))
    return splits


class Views:
    def __init__(self, preprocessing, size, generator):
        self.size, self.generator = size, generator
        self.squash = preprocessing['resize'] == 'squash'
        self.order = [0, 1, 2] if preprocessing['channelOrder'] == 'rgb' else [2, 1, 0]
        self.scale = preprocessing['scale']
        self.mean = torch.tensor(preprocessing['mean']).reshape(3, 1, 1)
        self.std = torch.tensor(preprocessing['std']).reshape(3, 1, 1)

    def _uniform(self, low, high):
        return low + (high - low) * torch.rand((), generator=self.generator).item()

    def _render(self, picture, top, left, height, width):
        crop = picture[:, top:top + height, left:left + width].float()[None]
        sized = F.interpolate(crop, (self.size, self.size), mode='bilinear', align_corners=False)[0]
        return (sized[self.order] * self.scale - self.mean) / self.std

    def training(self, picture):
        _, height, width = picture.shape
        crop = (0, 0, height, width)
        for _ in range(10):
            area = height * width * self._uniform(*SCALE)
            ratio = math.exp(self._uniform(math.log(RATIO[0]), math.log(RATIO[1])))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                crop = (int(self._uniform(0, height - h + 1)), int(self._uniform(0, width - w + 1)), h, w)
                break
        view = self._render(picture, *crop)
        return view.flip(2) if self._uniform(0, 1) < 0.5 else view

    def evaluation(self, picture):
        _, height, width = picture.shape
        if self.squash:
            return self._render(picture, 0, 0, height, width)
        side_h, side_w = min(self.size, height), min(self.size, width)
        return self._render(picture, (height - side_h) // 2, (width - side_w) // 2, side_h, side_w)


def accuracy(model, pictures, views, batch):
    model.eval()
    right = 0
    with torch.inference_mode():
        for start in range(0, len(pictures), batch):
            some = pictures[start:start + batch]
            logits = model(torch.stack([views.evaluation(picture) for picture, _ in some]))
            right += (logits.argmax(1) == torch.tensor([label for _, label in some])).sum().item()
    return right / max(1, len(pictures))


def stored_bytes(trainer):
    """Float32 values of open layers and of everything that belongs to the task."""
    gated = sum(layer.delta.numel() for layer in trainer.gated.values() if layer.is_open())
    gated_names = {id(value) for layer in trainer.gated.values() for value in (layer.delta, layer.score)}
    own = sum(value.numel() for value in trainer.model.parameters() if id(value) not in gated_names)
    statistics = sum(value.numel() for name, value in trainer.model.named_buffers() if 'running_' in name)
    return 4 * (gated + own + statistics)


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    splits = read_pictures(options.prepared)
    started = time.perf_counter()
    classes = 1 + max(label for _, label in splits['train'])
    model = OnnxNetwork(options.onnx, classes)
    trainer = TapsTrainer(model, 'head', TapsSettings(learning_rate=options.lr, score_learning_rate=options.lr, sparsity=options.sparsity))
    generator = torch.Generator().manual_seed(options.seed)
    views = Views(options.preprocessing, options.size, generator)
    train = splits['train']
    per_epoch = max(1, len(train) // options.batch)
    best, kept, history = -1.0, None, []
    for epoch in range(options.epochs):
        order = torch.randperm(len(train), generator=generator).tolist()
        for step in range(per_epoch):
            rate = options.lr * 0.5 * (1 + math.cos(math.pi * (epoch * per_epoch + step) / (options.epochs * per_epoch)))
            for group in trainer.optimizer.param_groups:
                group['lr'] = rate
            some = [train[order[(step * options.batch + slot) % len(train)]] for slot in range(options.batch)]
            images = torch.stack([views.training(picture) for picture, _ in some])
            trainer.step([(images, torch.tensor([label for _, label in some]))], penalty=epoch >= options.warmup)
        validation = accuracy(model, splits['validation'] or train, views, options.batch)
        history.append(round(validation, 4))
        if epoch >= options.warmup + (options.epochs - options.warmup) // 2 and validation >= best:
            best, kept = validation, copy.deepcopy(model.state_dict())
    if kept is not None:
        model.load_state_dict(kept)
    test = accuracy(model, splits['test'], views, options.batch)
    print(json.dumps({
        'seconds': round(time.perf_counter() - started, 2), 'testAccuracy': test, 'validation': history, 'bytes': stored_bytes(trainer),
        'openLayers': sum(layer.is_open() for layer in trainer.gated.values()), 'layers': len(trainer.gated), 'torch': torch.__version__,
        'peakResidentBytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == '__main__':
    main()
