"""Writes tests/fixtures/taps: two tiny networks as ONNX and 20 steps of the reference TAPS from the same start.

    /usr/bin/python3 tests/reference/make_taps_fixtures.py

Needs PyTorch 1.13 and onnx (Debian: python3-torch python3-onnx).
"""
import json
import os
import sys
import warnings

import torch
import torch.nn as nn

sys.path.insert(0, os.path.dirname(__file__))
from taps_reference import gate_layers, optimizer_for, train_step  # noqa: E402

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
OUT = os.path.join(os.path.dirname(__file__), "..", "fixtures", "taps")
STEPS = 20


class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(b)
        self.conv2 = nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(b)
        self.short = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b)) if stride > 1 or a != b else nn.Identity()

    def forward(self, x):
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))) + self.short(x))


class ConvNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.block1 = Block(8, 8, 1)
        self.block2 = Block(8, 16, 2)
        self.fc = nn.Linear(16, classes)

    def forward(self, x):
        x = self.block2(self.block1(self.pool(torch.relu(self.bn(self.stem(x))))))
        return self.fc(x.mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        # No bias: a key's bias has gradient zero, which AdamW turns into the sign of a rounding error.
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5, -1)
        return self.proj((weights @ v).transpose(1, 2).reshape(n, t, c))


class Layer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, 2)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(nn.functional.gelu(self.fc1(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self, classes, width=16):
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, width) * 0.2)
        self.position = nn.Parameter(torch.randn(1, 10, width) * 0.2)
        self.layers = nn.ModuleList([Layer(width), Layer(width)])
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.fc(self.norm(x)[:, 0])


def flat(tensor):
    return [float(f"{v:.9g}") for v in tensor.detach().flatten().tolist()]


def entry(tensor):
    return {"shape": list(tensor.shape), "data": flat(tensor)}


def export(model, path):
    model.eval()
    torch.onnx.export(model, torch.zeros(2, 3, 12, 12), path, opset_version=13, training=torch.onnx.TrainingMode.PRESERVE,
                      do_constant_folding=False, input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})


def onnx_names(path, model):
    """PyTorch parameter name -> (name in the file, transposed): linear weights may be renamed and transposed."""
    import onnx
    from onnx import numpy_helper
    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    names = {}
    for name, value in list(model.named_parameters()) + list(model.named_buffers()):
        if name in tensors:
            names[name] = (name, False)
            continue
        array = value.detach().numpy()
        for other, tensor in tensors.items():
            if tensor.shape == array.T.shape and array.ndim == 2 and (tensor == array.T).all():
                names[name] = (other, True)
    return names


def spread_start(model):
    """Distinct values everywhere: equal tensors would be stored once by the exporter."""
    generator = torch.Generator().manual_seed(11)
    for name, p in model.named_parameters():
        if p.ndim == 1:
            p.data += 0.1 * torch.randn(p.shape, generator=generator)
    for name, b in model.named_buffers():
        if b.dtype == torch.float32:
            b.data += 0.1 * torch.rand(b.shape, generator=generator)


def record(name, make, settings):
    torch.manual_seed(3)
    base_classes, classes, batch = 3, 4, 6
    model = make(base_classes)
    spread_start(model)
    path = os.path.join(OUT, f"{settings['model']}.onnx")
    export(model, path)
    names = onnx_names(path, model)
    dtype = torch.float64 if settings.get("double") else torch.float32
    torch.manual_seed(5)
    model.fc = nn.Linear(model.fc.in_features, classes)
    head = {"weight": entry(model.fc.weight), "bias": entry(model.fc.bias)}
    micro = settings.get("accumulate", 1)
    data = [(torch.randn(batch, 3, 12, 12), torch.randint(0, classes, (batch,))) for _ in range(4)]
    model = model.to(dtype)
    model.train()
    gated = gate_layers(model, model.fc)
    optimizer = optimizer_for(model, gated, settings["lr"], settings["scoreLr"], kind=settings["optimizer"])
    losses, scores = [], []
    for step in range(STEPS):
        batches = [data[(step * micro + m) % len(data)] for m in range(micro)]
        penalty = settings["lambda"] if step >= settings["warmupSteps"] else 0.0
        losses.append(train_step(model, gated, optimizer, [(x.to(dtype), y) for x, y in batches], penalty))
        scores.append([float(layer.score.detach()) for layer in gated.values()])
    if settings.get("double"):
        return losses
    state = {}
    for layer_name, layer in gated.items():
        file_name, transposed = names[f"{layer_name}.weight"]
        state[f"delta/{file_name}"] = entry(layer.delta.detach().T if transposed else layer.delta)
    gated_prefixes = {f"{layer_name}.layer." : f"{layer_name}." for layer_name in gated}
    for full, value in list(model.named_parameters()) + list(model.named_buffers()):
        if full.startswith("fc.") or value.dtype != torch.float32 or full.endswith((".delta", ".score", ".base")):
            continue
        plain = full
        for prefix, short in gated_prefixes.items():
            plain = plain.replace(prefix, short)
        if plain in names:
            state[f"value/{names[plain][0]}"] = entry(value)
    state["head/weight"] = entry(model.fc.weight)
    state["head/bias"] = entry(model.fc.bias)
    return {
        "settings": settings,
        "gated": [names[f"{layer_name}.weight"][0] for layer_name in gated],
        "head": head,
        "batches": [{"images": entry(x), "labels": y.tolist()} for x, y in data],
        "losses": [float(f"{v:.9g}") for v in losses],
        "scores": [[float(f"{v:.9g}") for v in row] for row in scores],
        "state": state,
    }


VARIANTS = {
    "convnet-sgd": (ConvNet, {"model": "convnet", "optimizer": "sgd", "lr": 0.02, "scoreLr": 0.05, "lambda": 1.0, "warmupSteps": 4}),
    "convnet-accumulate": (ConvNet, {"model": "convnet", "optimizer": "sgd", "lr": 0.02, "scoreLr": 0.02, "lambda": 0.5, "warmupSteps": 2, "accumulate": 2}),
    "vit-adamw": (Transformer, {"model": "vit", "optimizer": "adamw", "lr": 0.002, "scoreLr": 0.004, "lambda": 0.3, "warmupSteps": 4}),
}

os.makedirs(OUT, exist_ok=True)
for variant, (make, settings) in VARIANTS.items():
    result = record(variant, make, settings)
    result["losses64"] = [float(f"{v:.12g}") for v in record(variant, make, {**settings, "double": True})]
    with open(os.path.join(OUT, f"{variant}.json"), "w") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")
    final = result["scores"][-1]
    print(variant, "losses", result["losses"][0], "->", result["losses"][-1], "open", sum(s >= 0.1 for s in final), "of", len(final),
          "max |float32 - float64|", max(abs(a - b) for a, b in zip(result["losses"], result["losses64"])))
