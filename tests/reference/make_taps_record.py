"""Writes tests/fixtures/taps/record: two tiny bases as ONNX and records of 20 TAPS steps on them by taps_trainer.py.

    python3 tests/reference/make_taps_record.py [output folder]

Same PyTorch version, same bytes. The folder's README.md describes every file and key.
"""
import copy
import json
import pathlib
import sys

import onnx
import torch
from torch import nn

from safetensors_io import write_safetensors
from taps_trainer import TapsSettings, TapsTrainer
from tiny_models import BASE_CLASSES, FEATURES, IMAGE_SIZE, ConvNet, VisionTransformer, export_onnx, seeded

STEPS = 20
BATCH = 6
CLASSES = 4
IMAGES = 12
# A score nearer to the threshold than this could open or close by rounding alone: such a record is refused.
LEAST_MARGIN = 1e-4

BASES = {'convnet': (ConvNet, 'fc', 11), 'vit': (VisionTransformer, 'head', 12)}

# name -> (base, settings, micro-batches per step, warm-up steps without penalty)
VARIANTS = {
    'convnet-sgd': ('convnet', TapsSettings(learning_rate=0.02, score_learning_rate=0.02, sparsity=0.25), 1, 3),
    'convnet-accumulate': (
        'convnet', TapsSettings(learning_rate=0.05, score_learning_rate=0.04, sparsity=0.2, weight_decay=0.01), 2, 0),
    'vit-adamw': (
        'vit', TapsSettings(learning_rate=0.002, score_learning_rate=0.006, sparsity=0.4, optimizer='adamw', weight_decay=0.05),
        1, 2),
}


def make_images():
    """Noise plus one pattern per class, so that the loss falls."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(IMAGES) % CLASSES
    patterns = torch.randn(CLASSES, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
    images = torch.randn(IMAGES, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator) + patterns[labels]
    return images, labels


def make_head(seed):
    generator = torch.Generator().manual_seed(seed)
    bound = FEATURES ** -0.5
    weight = (2 * torch.rand(CLASSES, FEATURES, generator=generator) - 1) * bound
    bias = (2 * torch.rand(CLASSES, generator=generator) - 1) * bound
    return weight, bias


def gated_order(onnx_path, head_name):
    """Weights of convolutions and matrix products in the order of the nodes that use them, without the head."""
    graph = onnx.load(str(onnx_path)).graph
    initializers = {item.name for item in graph.initializer}
    source = {node.output[0]: node.input[0] for node in graph.node if node.op_type == 'Transpose'}
    names = []
    for node in graph.node:
        if node.op_type in ('Conv', 'MatMul', 'Gemm'):
            name = source.get(node.input[1], node.input[1])
            if name in initializers and name != head_name + '.weight':
                names.append(name)
    return names


def onnx_name(parameter):
    """ONNX initializer that a parameter of the wrapped model stands for, with its prefix in the record."""
    module, _, leaf = parameter.rpartition('.')
    return f'delta/{module}.weight' if leaf == 'delta' else f'value/{parameter}'


def snapshot(trainer, head_name, order):
    """Everything the task owns, under the names that README.md lists."""
    tensors, optimizer = {}, trainer.optimizer.state
    keys = {'sgd': {'momentum': 'momentum_buffer'}, 'adamw': {'momentum': 'exp_avg', 'moment2': 'exp_avg_sq'}}
    keys = keys[trainer.settings.optimizer]
    for name, parameter in trainer.model.named_parameters():
        if name.endswith('.score'):
            continue
        key = onnx_name(name)
        if name.startswith(head_name + '.'):
            key = 'head/' + name[len(head_name) + 1:]
        tensors[key] = parameter
        for prefix, field in keys.items():
            tensors[f'{prefix}/{key}'] = optimizer[parameter][field]
    for name, value in trainer.model.named_buffers():
        if name.endswith(('running_mean', 'running_var')):
            tensors[f'value/{name}'] = value
    layers = [trainer.gated[name[:-len('.weight')]] for name in order]
    tensors['scores'] = torch.stack([layer.score for layer in layers])
    for prefix, field in keys.items():
        tensors[f'{prefix}/scores'] = torch.stack([optimizer[layer.score][field] for layer in layers])
    return tensors


def train(base, head_name, head, settings, accumulate, warmup_steps, data, order, dtype):
    model = copy.deepcopy(base).to(dtype)
    classifier = nn.Linear(FEATURES, CLASSES)
    classifier.weight.data, classifier.bias.data = (part.to(dtype, copy=True) for part in head)
    setattr(model, head_name, classifier)
    trainer = TapsTrainer(model, head_name, settings)
    images, labels = data[0].to(dtype), data[1]
    layers = [trainer.gated[name[:-len('.weight')]] for name in order]
    steps = []
    for index in range(STEPS):
        starts = [(index * accumulate + part) * BATCH % IMAGES for part in range(accumulate)]
        penalty = index >= warmup_steps
        batches = [(images[start:start + BATCH], labels[start:start + BATCH]) for start in starts]
        cross_entropy, loss = trainer.step(batches, penalty)
        steps.append({
            'batches': starts, 'lambda': settings.sparsity if penalty else 0.0,
            'crossEntropy': cross_entropy, 'loss': loss,
            'scores': [layer.score.item() for layer in layers], 'open': [layer.is_open() for layer in layers],
        })
    tensors = snapshot(trainer, head_name, order)
    model.eval()
    with torch.no_grad():
        tensors['logits'] = model(images)
    return steps, tensors


def relative(a, b):
    """Norm of the difference over norm of the exact value."""
    a, b = torch.as_tensor(a).double(), torch.as_tensor(b).double()
    return ((a - b).norm() / b.norm().clamp_min(1e-12)).item()


def check_gates(name, steps, threshold):
    margin = min(abs(score - threshold) for step in steps for score in step['scores'])
    history = list(zip(*(step['open'] for step in steps)))
    closes = sum(any(a and not b for a, b in zip(layer, layer[1:])) for layer in history)
    reopens = sum(any(b and not a for a, b in zip(layer, layer[1:])) for layer in history)
    if margin < LEAST_MARGIN or closes == 0 or not any(steps[-1]['open']):
        raise SystemExit(f'{name}: margin {margin:.1e}, {closes} close, open at the end {steps[-1]["open"]}: choose other settings.')
    return {'scoreMargin': margin, 'layersThatClose': closes, 'layersThatReopen': reopens}


def write_json(path, value):
    """Nine significant digits identify a float32."""
    def short(item):
        if isinstance(item, float):
            return float(f'{item:.9g}')
        if isinstance(item, dict):
            return {key: short(part) for key, part in item.items()}
        return [short(part) for part in item] if isinstance(item, list) else item
    path.write_text(json.dumps(short(value), separators=(',', ':')).replace('{"batches"', '\n{"batches"') + '\n')


def main():
    torch.set_num_threads(1)
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / 'fixtures' / 'taps' / 'record')
    folder.mkdir(parents=True, exist_ok=True)
    data = make_images()
    inputs, bases = {'images': data[0]}, {}
    for name, (kind, head_name, seed) in BASES.items():
        base = seeded(kind(), seed)
        export_onnx(base, str(folder / f'{name}.onnx'))
        head = make_head(seed)
        inputs[f'{name}/head/weight'], inputs[f'{name}/head/bias'] = head
        with torch.no_grad():
            inputs[f'{name}/baseLogits'] = base(data[0])
        bases[name] = (base, head_name, head, gated_order(folder / f'{name}.onnx', head_name))
    write_safetensors(folder / 'inputs.safetensors', inputs)
    for variant, (name, settings, accumulate, warmup_steps) in VARIANTS.items():
        base, head_name, head, order = bases[name]
        run = lambda dtype: train(base, head_name, head, settings, accumulate, warmup_steps, data, order, dtype)  # noqa: E731
        steps, tensors = run(torch.float32)
        exact_steps, exact_tensors = run(torch.float64)
        if [step['open'] for step in steps] != [step['open'] for step in exact_steps]:
            raise SystemExit(f'{variant}: float32 and float64 disagree on the gates.')
        write_safetensors(folder / f'{variant}.safetensors', tensors)
        write_json(folder / f'{variant}.json', {
            'base': f'{name}.onnx', 'baseClasses': BASE_CLASSES, 'classes': CLASSES, 'batchSize': BATCH, 'imageSize': IMAGE_SIZE,
            'labels': data[1].tolist(), 'accumulate': accumulate, 'warmupSteps': warmup_steps,
            'settings': {
                'lambda': settings.sparsity, 'threshold': settings.threshold, 'scoreInit': settings.score_init,
                'optimizer': settings.optimizer, 'learningRate': settings.learning_rate,
                'scoreLearningRate': settings.score_learning_rate, 'momentum': settings.momentum,
                'weightDecay': settings.weight_decay,
            },
            'gatedLayers': order, 'gates': check_gates(variant, steps, settings.threshold),
            'steps': steps,
            'float64': {
                'crossEntropy': [step['crossEntropy'] for step in exact_steps],
                'loss': [step['loss'] for step in exact_steps],
                'finalScores': exact_steps[-1]['scores'],
                'largestLossDeviation': max(relative(a['loss'], b['loss']) for a, b in zip(steps, exact_steps)),
                'largestScoreDeviation': max(relative(a['scores'], b['scores']) for a, b in zip(steps, exact_steps)),
                'largestTensorDeviation': max(relative(tensors[key], exact_tensors[key]) for key in tensors),
            },
        })


if __name__ == '__main__':
    main()
