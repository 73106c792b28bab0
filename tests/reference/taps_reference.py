"""TAPS in PyTorch, written from the equations (Wallingford et al., CVPR 2022, section 3), for comparison only.

Every convolution and linear layer but the head: frozen base weight, delta of full shape from zero, one score.
    w = base + 1[s >= tau] * delta            forward
    dL/ddelta = 1[s >= tau] * G               G = dL/dw
    dL/ds = <G, delta> + (lambda / L) * sign(s)
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Gate(torch.autograd.Function):
    """Hard threshold forward, identity backward (straight-through estimator)."""

    @staticmethod
    def forward(ctx, score, threshold):
        return (score >= threshold).to(score.dtype)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


class Gated(nn.Module):
    """A convolution or linear layer with delta and score."""

    def __init__(self, layer, threshold, score):
        super().__init__()
        self.layer = layer
        self.threshold = threshold
        base = layer.weight.detach().clone()
        del layer._parameters["weight"]
        self.register_buffer("base", base)
        self.delta = nn.Parameter(torch.zeros_like(base))
        self.score = nn.Parameter(torch.tensor(score, dtype=base.dtype))

    def forward(self, x):
        weight = self.base + Gate.apply(self.score, self.threshold) * self.delta
        if isinstance(self.layer, nn.Conv2d):
            layer = self.layer
            return F.conv2d(x, weight, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups)
        return F.linear(x, weight, self.layer.bias)


def gate_layers(model, head, threshold=0.1, score=0.15):
    """Wraps every convolution and linear layer except `head`, in place. Returns them by name, in module order."""
    gated = {}

    def visit(module, prefix):
        for name, child in list(module.named_children()):
            path = f"{prefix}{name}"
            if child is head:
                continue
            if isinstance(child, (nn.Conv2d, nn.Linear)):
                wrapped = Gated(child, threshold, score)
                setattr(module, name, wrapped)
                gated[path] = wrapped
            else:
                visit(child, f"{path}.")

    visit(model, "")
    return gated


def optimizer_for(model, gated, learning_rate, score_rate, momentum=0.9, kind="sgd"):
    scores = [layer.score for layer in gated.values()]
    chosen = {id(score) for score in scores}
    others = [p for p in model.parameters() if id(p) not in chosen]
    groups = [{"params": others, "lr": learning_rate}, {"params": scores, "lr": score_rate, "weight_decay": 0.0}]
    if kind == "adamw":
        return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    return torch.optim.SGD(groups, lr=learning_rate, momentum=momentum)


def train_step(model, gated, optimizer, batches, penalty):
    """One optimiser step over micro-batches [(images, labels), ...], gradients averaged. Returns their mean cross-entropy."""
    optimizer.zero_grad()
    total = 0.0
    for images, labels in batches:
        loss = F.cross_entropy(model(images), labels) / len(batches)
        loss.backward()
        total += float(loss.detach())
    if penalty > 0:
        (penalty / len(gated) * sum(layer.score.abs() for layer in gated.values())).backward()
    optimizer.step()
    return total
