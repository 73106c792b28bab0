"""Times PyTorch on the work that the project's own engine does, and prints one line of JSON.

    python3 tests/reference/bench_step.py --model resnet18 --size 64 --batch 32 --threads 2 --steps 10
        one full TAPS training step (forward, backward, update) per measurement
    python3 tests/reference/bench_step.py --model resnet50 --size 224 --batch 16 --inference
        images per second of a linear probe's forward pass (evaluation mode, no gradients)
    python3 tests/reference/bench_step.py --model resnet18 --size 64 --export base.onnx
        writes the same randomly initialised network as ONNX, for the other engine to train on

On a machine with other work, GNU OpenMP's spinning threads make PyTorch many times slower than it is: measure on an idle
machine, or set OMP_WAIT_POLICY=passive. The line of JSON carries both that setting and the load average at the start.

Needs torch and torchvision (Debian: python3-torch, python3-torchvision). Debian's PyTorch multiplies matrices with the system's
BLAS: with the reference BLAS that comes by default a transformer is ten times slower than with libopenblas0-pthread. The line of
JSON names the library that was loaded.
"""
import argparse
import json
import os
import resource
import statistics
import time

import torch
import torchvision
from torch import nn

from taps_trainer import TapsSettings, TapsTrainer
from tiny_models import VisionTransformer, export_onnx

SEED = 0
WARM_UP = 2


def arguments():
    parser = argparse.ArgumentParser(description='PyTorch side of the benchmark.')
    parser.add_argument('--model', choices=['resnet18', 'resnet34', 'resnet50', 'densenet121', 'vit-small'], default='resnet18')
    parser.add_argument('--size', type=int, default=64, help='side of the square image in pixels')
    parser.add_argument('--batch', type=int, default=32, help='images per step')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--steps', type=int, default=10, help='measured steps, after two that are not')
    parser.add_argument('--classes', type=int, default=10, help="classes of the task's new head")
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu', help='cuda: images per second and memory of the first CUDA device')
    parser.add_argument('--inference', action='store_true', help='forward only')
    parser.add_argument('--export', metavar='PATH', help='write the base as ONNX and stop')
    return parser.parse_args()


HEADS = {'densenet121': 'classifier', 'vit-small': 'head'}


def head_name(name):
    return HEADS.get(name, 'fc')


def make_model(name, size):
    if name == 'vit-small':
        # ViT-S/16 (Touvron et al., ICML 2021), for this image size.
        return VisionTransformer(size, patch=16, width=384, depth=12, heads=6, mlp_ratio=4, classes=1000)
    return getattr(torchvision.models, name)(weights=None)


def base_model(name, size):
    """Random weights of a fixed seed, so that an export and a measurement have the same.

    Fresh normalisations are all alike, and the exporter stores equal tensors once: a little noise keeps them apart.
    """
    torch.manual_seed(SEED)
    model = make_model(name, size)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point() and value.dim() == 1:
                value.add_(0.01 * torch.rand(value.shape))
    return model


def with_new_head(name, size, classes):
    model = base_model(name, size)
    head = getattr(model, head_name(name))
    setattr(model, head_name(name), nn.Linear(head.in_features, classes))
    return model


def milliseconds(run, count, finish):
    """finish waits for the device: CUDA works behind the program's back."""
    for _ in range(WARM_UP):
        run()
    finish()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        finish()
        times.append((time.perf_counter() - start) * 1000)
    return times


def training(options, images):
    labels = (torch.arange(options.batch) % options.classes).to(options.device)
    # On the device before the trainer takes the layers apart: what it adds is made beside their weights.
    model = with_new_head(options.model, options.size, options.classes).to(options.device)
    trainer = TapsTrainer(model, head_name(options.model), TapsSettings())
    return lambda: trainer.step([(images, labels)])


def inference(options, images):
    model = with_new_head(options.model, options.size, options.classes).to(options.device).eval()

    def run():
        with torch.inference_mode():
            model(images)
    return run


def blas_library():
    """File of the BLAS that this process has loaded, after links; 'built in' where PyTorch brings its own."""
    try:
        with open('/proc/self/maps') as maps:
            files = {line.split()[-1] for line in maps if 'blas' in line.split()[-1]}
    except OSError:
        return 'unknown'
    return ', '.join(sorted(os.path.realpath(file) for file in files)) or 'built in'


def main():
    options = arguments()
    load = os.getloadavg()[0]
    torch.set_num_threads(options.threads)
    if options.export:
        export_onnx(base_model(options.model, options.size), options.export, options.size)
        print(json.dumps({'export': options.export, 'model': options.model, 'imageSize': options.size, 'classes': 1000}))
        return
    images = torch.randn(options.batch, 3, options.size, options.size, generator=torch.Generator().manual_seed(SEED)).to(options.device)
    on_gpu = options.device == 'cuda'
    run = (inference if options.inference else training)(options, images)
    times = milliseconds(run, options.steps, torch.cuda.synchronize if on_gpu else lambda: None)
    median = statistics.median(times)
    print(json.dumps({
        'mode': 'inference' if options.inference else 'taps-training', 'torch': torch.__version__, 'model': options.model,
        'imageSize': options.size, 'batchSize': options.batch, 'threads': options.threads, 'steps': options.steps,
        'medianMs': round(median, 2), 'minMs': round(min(times), 2), 'imagesPerSecond': round(options.batch / median * 1000, 2),
        'blas': blas_library(),
        'ompWaitPolicy': os.environ.get('OMP_WAIT_POLICY', 'default'), 'loadAverageAtStart': round(load, 2),
        # Linux counts the peak in KiB.
        'peakResidentBytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        'device': torch.cuda.get_device_name(0) if on_gpu else 'cpu',
        'peakDeviceBytes': torch.cuda.max_memory_reserved() if on_gpu else 0,
    }))


if __name__ == '__main__':
    main()
