"""Writes tests/fixtures/methods: records of some steps of every method without gates, on the bases of tests/fixtures/taps/record.

    python3 tests/reference/make_methods_record.py [output folder]

Same PyTorch version, same bytes. The folder's README.md describes every file and key.
"""
import copy
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

from make_taps_record import make_head, make_images, relative, write_json
from methods_trainer import Delta, LowRank, Mask, MethodTrainer, Modulator
from safetensors_io import write_safetensors
from tiny_models import FEATURES, ConvNet, VisionTransformer, seeded

STEPS = 12
BATCH = 6
CLASSES = 4
IMAGES = 12
MASK_INIT, MASK_THRESHOLD = 0.01, 0.005
# A mask value nearer to the threshold than this could switch by rounding alone: such a record is refused.
LEAST_MARGIN = 2e-8
# The same for the input of a ReLU, whose derivative would change side.
LEAST_RELU_MARGIN = 1e-6

BASES = {'convnet': (ConvNet, 'fc', 11), 'vit': (VisionTransformer, 'head', 12)}
NORMS = (nn.BatchNorm2d, nn.LayerNorm)

SGD = dict(optimizer='sgd', learningRate=0.05, momentum=0.9, weightDecay=0.0)
ADAMW = dict(optimizer='adamw', learningRate=0.002, momentum=0.9, weightDecay=0.05)

# name -> (base, method, settings of the optimiser, micro-batches per step, settings of the method)
VARIANTS = {
    'bias-head-convnet': ('convnet', 'bias-head', SGD, 1, {}),
    'bias-head-vit': ('vit', 'bias-head', ADAMW, 1, {}),
    'fixed-layers-convnet': ('convnet', 'fixed-layers', SGD, 1, {'layers': ['layer1.conv2.weight', 'layer2.downsample.0.weight']}),
    # Rank 10 is more than the smaller layers have.
    'low-rank-convnet': ('convnet', 'low-rank', {**SGD, 'weightDecay': 0.01}, 2, {'rank': 10, 'rankAlpha': 6}),
    'low-rank-vit': ('vit', 'low-rank', ADAMW, 1, {'rank': 3, 'rankAlpha': 6}),
    'modulator-convnet': ('convnet', 'modulator', SGD, 1, {}),
    'modulator-vit': ('vit', 'modulator', ADAMW, 1, {}),
    # Weight decay must leave masks alone.
    'piggyback-convnet': ('convnet', 'piggyback', {**SGD, 'weightDecay': 0.01}, 1, {}),
    # A rate that does not divide the distance to the threshold: AdamW's first steps are all of that length.
    'piggyback-vit': ('vit', 'piggyback', {**ADAMW, 'learningRate': 0.0013}, 1, {}),
}


class ReluWatch:
    """Least distance of a ReLU's input from zero while training (tiny_models calls functional.relu)."""

    def __enter__(self):
        self.margin, self.original = 1.0, F.relu

        def watched(x):
            self.margin = min(self.margin, x.detach().abs().min().item())
            return self.original(x)
        F.relu = watched
        return self

    def __exit__(self, *_):
        F.relu = self.original


def is_layer(module):
    return isinstance(module, (nn.Conv2d, nn.Linear))


def layers_of(model, head_name, method, options, generator):
    """{module name: maker of its parametrisation}."""
    result = {}
    for name, module in model.named_modules():
        if name == head_name or not is_layer(module):
            continue
        rows, columns = module.weight.flatten(1).shape
        if method == 'fixed-layers' and f'{name}.weight' in options['layers']:
            result[name] = Delta
        elif method == 'low-rank':
            result[name] = lambda weight: LowRank(weight, options['rank'], options['rankAlpha'], generator)
        elif method == 'modulator' and isinstance(module, nn.Conv2d) and module.weight[0, 0].numel() > 1 and rows < columns:
            result[name] = Modulator
        elif method == 'piggyback':
            result[name] = lambda weight: Mask(weight, MASK_INIT, MASK_THRESHOLD)
    return result


def trained_of(head_name, method):
    def is_trained(name, leaf, module):
        if name.startswith(head_name + '.'):
            return True
        if method == 'bias-head':
            return leaf == 'bias'
        return not (leaf == 'weight' and is_layer(module))
    return is_trained


def key_of(name, head_name):
    """State entry of the project's engine that a parameter or buffer stands for; None for those it has no entry for."""
    if name.startswith(head_name + '.'):
        return 'head/' + name[len(head_name) + 1:]
    if '.parametrizations.weight.' in name:
        module, _, rest = name.partition('.parametrizations.weight.')
        return None if rest == 'original' else f'{rest.split(".")[-1]}/{module}.weight'
    return f'value/{name}'


def state_of(trainer, head_name):
    tensors = {}
    for name, parameter in trainer.model.named_parameters():
        if parameter.requires_grad:
            tensors[key_of(name, head_name)] = parameter
    if trainer.batch_statistics:
        for name, value in trainer.model.named_buffers():
            if name.endswith(('running_mean', 'running_var')):
                tensors[f'value/{name}'] = value
    return {key: value.detach().clone() for key, value in tensors.items()}


def train(variant, dtype, data):
    base_name, method, optimiser, accumulate, options = VARIANTS[variant]
    kind, head_name, seed = BASES[base_name]
    model = copy.deepcopy(seeded(kind(), seed)).to(dtype)
    classifier = nn.Linear(FEATURES, CLASSES)
    classifier.weight.data, classifier.bias.data = (part.to(dtype, copy=True) for part in make_head(seed))
    setattr(model, head_name, classifier)
    generator = torch.Generator().manual_seed(5)
    trainer = MethodTrainer(
        model, layers_of(model, head_name, method, options, generator), trained_of(head_name, method), method != 'bias-head',
        optimiser['optimizer'], optimiser['learningRate'], optimiser['momentum'], optimiser['weightDecay'],
        lambda name: not name.endswith('.mask'))
    start = state_of(trainer, head_name)
    images, labels = data[0].to(dtype), data[1]
    steps, margin, masks = [], 1.0, []
    for index in range(STEPS):
        starts = [(index * accumulate + part) * BATCH % IMAGES for part in range(accumulate)]
        loss = trainer.step([(images[first:first + BATCH], labels[first:first + BATCH]) for first in starts])
        steps.append({'batches': starts, 'crossEntropy': loss})
        values = [value for key, value in state_of(trainer, head_name).items() if key.startswith('mask/')]
        if values:
            margin = min([margin] + [(value - MASK_THRESHOLD).abs().min().item() for value in values])
            masks = [(value >= MASK_THRESHOLD).flatten() for value in values]
    tensors = state_of(trainer, head_name)
    model.eval()
    with torch.no_grad():
        tensors['logits'] = model(images)
    return start, steps, tensors, margin, masks


def main():
    torch.set_num_threads(1)
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / 'fixtures' / 'methods')
    folder.mkdir(parents=True, exist_ok=True)
    data = make_images()
    for variant, (base_name, method, optimiser, accumulate, options) in VARIANTS.items():
        with ReluWatch() as relu:
            start, steps, tensors, margin, masks = train(variant, torch.float32, data)
        _, exact_steps, exact, _, exact_masks = train(variant, torch.float64, data)
        off = sum((~mask).sum().item() for mask in masks)
        if margin < LEAST_MARGIN or any((a != b).any() for a, b in zip(masks, exact_masks)) or (masks and off == 0):
            raise SystemExit(f'{variant}: margin {margin:.1e}, {off} weights off: choose other settings.')
        if relu.margin < LEAST_RELU_MARGIN:
            raise SystemExit(f'{variant}: the input of a ReLU is {relu.margin:.1e}: choose other settings.')
        # A is drawn here; the engine must be given it.
        factors = {f'start/{key}': value for key, value in start.items() if key.startswith('right/')}
        write_safetensors(folder / f'{variant}.safetensors', {**tensors, **factors})
        write_json(folder / f'{variant}.json', {
            'base': base_name, 'classes': CLASSES, 'batchSize': BATCH, 'labels': data[1].tolist(), 'accumulate': accumulate,
            'config': {'method': method, **optimiser, **options}, 'steps': steps,
            'switchedOff': off, 'maskMargin': margin, 'reluMargin': relu.margin,
            'float64': {
                'largestLossDeviation': max(relative(a['crossEntropy'], b['crossEntropy']) for a, b in zip(steps, exact_steps)),
                'largestTensorDeviation': max(relative(tensors[key], exact[key]) for key in tensors),
            },
        })
        print(variant, f'{steps[0]["crossEntropy"]:.3f} -> {steps[-1]["crossEntropy"]:.3f}', off, f'{margin:.1e}', f'{relu.margin:.1e}')


if __name__ == '__main__':
    main()
