"""Writes tests/fixtures/taps/joint: records of joint training steps on the bases of tests/fixtures/taps/record by joint_trainer.py.

    python3 tests/reference/make_joint_record.py [output folder]

Run make_taps_record.py first: the bases are its. Same PyTorch version, same bytes. The folder's README.md describes every file and key.
"""
import copy
import pathlib
import sys

import torch

from joint_trainer import ExactJointTrainer, MultiHeadTrainer
from make_taps_record import BASES, gated_order, onnx_name, relative, write_json
from safetensors_io import write_safetensors
from taps_trainer import TapsSettings
from tiny_models import FEATURES, IMAGE_SIZE, seeded

STEPS = 14
BATCH = 6
IMAGES = 12
# The second task is the smaller one: its head is padded by the project, never here.
CLASSES = (4, 3)
LEAST_MARGIN = 1e-4

RECORD = pathlib.Path(__file__).parent.parent / 'fixtures' / 'taps' / 'record'

# name -> (trainer, base, settings, rate of what is shared, warm-up steps without penalty)
VARIANTS = {
    'exact-convnet-sgd': (
        ExactJointTrainer, 'convnet',
        TapsSettings(learning_rate=0.02, score_learning_rate=0.03, sparsity=0.26, weight_decay=0.01), 0.015, 2),
    'exact-vit-adamw': (
        ExactJointTrainer, 'vit',
        TapsSettings(learning_rate=0.002, score_learning_rate=0.007, sparsity=0.15, optimizer='adamw', weight_decay=0.05), 0.001, 1),
    'two-stage-convnet-sgd': (
        MultiHeadTrainer, 'convnet', TapsSettings(learning_rate=0.02, score_learning_rate=0.02, weight_decay=0.01), 0.02, 0),
}


def make_task(task):
    """Noise plus one pattern per class; every task has pictures of its own."""
    generator = torch.Generator().manual_seed(20 + task)
    labels = torch.arange(IMAGES) % CLASSES[task]
    patterns = torch.randn(CLASSES[task], 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
    images = torch.randn(IMAGES, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator) + patterns[labels]
    bound = FEATURES ** -0.5
    weight = (2 * torch.rand(CLASSES[task], FEATURES, generator=generator) - 1) * bound
    bias = (2 * torch.rand(CLASSES[task], generator=generator) - 1) * bound
    return images, labels, (weight, bias)


def exact_tensors(trainer, head_name, order):
    tensors = {f'shared/{name}.weight': value for name, value in trainer.shared.items()}
    for task, (model, gated) in enumerate(zip(trainer.models, trainer.gated)):
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith(('.score', '.base', 'num_batches_tracked')):
                continue
            key = f'head/{name[len(head_name) + 1:]}' if name.startswith(head_name + '.') else onnx_name(name)
            tensors[f'task/{task}/{key}'] = value
        tensors[f'task/{task}/scores'] = torch.stack([gated[name[:-len('.weight')]].score for name in order])
    return tensors


def multi_head_tensors(trainer, _head_name, _order):
    tensors = {f'value/{name}': value for name, value in [*trainer.model.named_parameters(), *trainer.model.named_buffers()]
               if not name.endswith('num_batches_tracked')}
    for task, head in enumerate(trainer.heads):
        tensors[f'task/{task}/head/weight'], tensors[f'task/{task}/head/bias'] = head.weight, head.bias
    return tensors


def train(kind, base, head_name, settings, shared_rate, warmup_steps, tasks, order, dtype):
    heads = [tuple(part.to(dtype, copy=True) for part in head) for _, _, head in tasks]
    trainer = kind(copy.deepcopy(base).to(dtype), head_name, heads, settings, shared_rate)
    exact = kind is ExactJointTrainer
    steps = []
    for index in range(STEPS):
        start = index * BATCH % IMAGES
        penalty = index >= warmup_steps
        batches = [(images.to(dtype)[start:start + BATCH], labels[start:start + BATCH]) for images, labels, _ in tasks]
        step = {'start': start, 'lambda': settings.sparsity if penalty and exact else 0.0, 'crossEntropy': trainer.step(batches, penalty)}
        if exact:
            layers = [[gated[name[:-len('.weight')]] for name in order] for gated in trainer.gated]
            step['scores'] = [[layer.score.item() for layer in own] for own in layers]
            step['open'] = [[layer.is_open() for layer in own] for own in layers]
        steps.append(step)
    tensors = (exact_tensors if exact else multi_head_tensors)(trainer, head_name, order)
    with torch.no_grad():
        for task, (images, _, _) in enumerate(tasks):
            if exact:
                logits = trainer.models[task].eval()(images.to(dtype))
            else:
                logits = trainer.heads[task](trainer.model.eval()(images.to(dtype)))
            tensors[f'task/{task}/logits'] = logits
    return steps, tensors


def check_gates(name, steps, threshold):
    scores = [score for step in steps for own in step['scores'] for score in own]
    margin = min(abs(score - threshold) for score in scores)
    last = steps[-1]['open']
    if margin < LEAST_MARGIN or last[0] == last[1] or not all(any(own) and not all(own) for own in last):
        raise SystemExit(f'{name}: margin {margin:.1e}, open at the end {last}: choose other settings.')


def main():
    torch.set_num_threads(1)
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else RECORD.parent / 'joint')
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [make_task(task) for task in range(len(CLASSES))]
    inputs = {}
    for task, (images, _, (weight, bias)) in enumerate(tasks):
        inputs[f'task/{task}/images'], inputs[f'task/{task}/head/weight'], inputs[f'task/{task}/head/bias'] = images, weight, bias
    write_safetensors(folder / 'inputs.safetensors', inputs)
    for variant, (kind, name, settings, shared_rate, warmup_steps) in VARIANTS.items():
        model, head_name, seed = BASES[name]
        base = seeded(model(), seed)
        order = gated_order(RECORD / f'{name}.onnx', head_name)
        run = lambda dtype: train(kind, base, head_name, settings, shared_rate, warmup_steps, tasks, order, dtype)  # noqa: E731
        steps, tensors = run(torch.float32)
        exact_steps, exact_tensors_ = run(torch.float64)
        if kind is ExactJointTrainer:
            check_gates(variant, steps, settings.threshold)
            if [step['open'] for step in steps] != [step['open'] for step in exact_steps]:
                raise SystemExit(f'{variant}: float32 and float64 disagree on the gates.')
        write_safetensors(folder / f'{variant}.safetensors', tensors)
        write_json(folder / f'{variant}.json', {
            'base': f'{name}.onnx', 'variant': variant[:variant.rindex(f'-{name}')], 'classes': list(CLASSES), 'batchSize': BATCH, 'imageSize': IMAGE_SIZE,
            'labels': [labels.tolist() for _, labels, _ in tasks],
            'settings': {
                'threshold': settings.threshold, 'scoreInit': settings.score_init, 'optimizer': settings.optimizer,
                'learningRate': settings.learning_rate, 'scoreLearningRate': settings.score_learning_rate,
                'momentum': settings.momentum, 'weightDecay': settings.weight_decay,
            },
            'sharedLearningRate': shared_rate, 'gatedLayers': order, 'steps': steps,
            'float64': {
                'largestLossDeviation': max(relative(a['crossEntropy'], b['crossEntropy']) for a, b in zip(steps, exact_steps)),
                'largestTensorDeviation': max(relative(tensors[key], exact_tensors_[key]) for key in tensors),
            },
        })


if __name__ == '__main__':
    main()
