"""Task Adaptive Parameter Sharing in PyTorch, written from the equations: the oracle for the project's own engine.

Every convolution and linear layer but the head gets a frozen base weight, an additive delta of the same shape and
one scalar score:

    w = base + 1[s >= threshold] * delta
    loss = mean cross-entropy + (lambda / L) * sum |s|          L = number of wrapped layers
    dL/d delta = 1[s >= threshold] * G        dL/ds = <G, delta> + (lambda / L) * sign(s)        G = dL/dw

Biases, normalisation (affine and running statistics), embeddings and a new head belong to the task and are trained
without a gate. Needs torch >= 1.13; nothing else.
"""
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


class GatedWeight(torch.autograd.Function):
    """w = base + gate * delta, with the straight-through gradient for the score."""

    @staticmethod
    def forward(ctx, base, delta, score, threshold):
        gate = (score >= threshold).to(base.dtype)
        ctx.save_for_backward(delta, gate)
        return base + gate * delta

    @staticmethod
    def backward(ctx, weight_gradient):
        delta, gate = ctx.saved_tensors
        return None, gate * weight_gradient, (weight_gradient * delta).sum(), None


class GatedLayer(nn.Module):
    """What a gated convolution and a gated linear layer have in common."""

    def __init__(self, layer, threshold, score_init):
        super().__init__()
        self.threshold = threshold
        self.register_buffer('base', layer.weight.detach().clone())
        self.delta = nn.Parameter(torch.zeros_like(layer.weight))
        self.score = nn.Parameter(torch.tensor(score_init, dtype=layer.weight.dtype))
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach().clone())

    def weight(self):
        return GatedWeight.apply(self.base, self.delta, self.score, self.threshold)

    def is_open(self):
        return bool(self.score >= self.threshold)


class GatedConv2d(GatedLayer):
    """Zero padding only: all that torchvision's classifiers use."""

    def __init__(self, layer, threshold, score_init):
        super().__init__(layer, threshold, score_init)
        self.settings = dict(stride=layer.stride, padding=layer.padding, dilation=layer.dilation, groups=layer.groups)

    def forward(self, images):
        return F.conv2d(images, self.weight(), self.bias, **self.settings)


class GatedLinear(GatedLayer):
    def forward(self, features):
        return F.linear(features, self.weight(), self.bias)


def add_gates(model, head_name, threshold=0.1, score_init=0.15):
    """Replaces every Conv2d and Linear except `head_name`, in place. Returns {module name: gated layer} in registration order."""
    gated = {}
    for name, module in list(model.named_modules()):
        if name == head_name or not isinstance(module, (nn.Conv2d, nn.Linear)):
            continue
        kind = GatedConv2d if isinstance(module, nn.Conv2d) else GatedLinear
        parent_name, _, child = name.rpartition('.')
        replacement = kind(module, threshold, score_init)
        setattr(model.get_submodule(parent_name), child, replacement)
        gated[name] = replacement
    return gated


@dataclass(frozen=True)
class TapsSettings:
    """Names and defaults follow the project's training configuration."""

    learning_rate: float = 0.01
    score_learning_rate: float = 0.01
    # lambda of the penalty (lambda / L) * sum |s|
    sparsity: float = 1.0
    threshold: float = 0.1
    score_init: float = 0.15
    optimizer: str = 'sgd'
    momentum: float = 0.9
    # L2 for SGD, decoupled for AdamW; on delta, trained values and head, never on scores
    weight_decay: float = 0.0


class TapsTrainer:
    """One task on one base. `model` already carries the task's new head under `head_name`."""

    def __init__(self, model, head_name, settings):
        self.model = model
        self.settings = settings
        self.gated = add_gates(model, head_name, settings.threshold, settings.score_init)
        scores = [layer.score for layer in self.gated.values()]
        score_ids = {id(score) for score in scores}
        others = [parameter for parameter in model.parameters() if id(parameter) not in score_ids]
        groups = [
            dict(params=others, lr=settings.learning_rate, weight_decay=settings.weight_decay),
            dict(params=scores, lr=settings.score_learning_rate, weight_decay=0.0),
        ]
        if settings.optimizer == 'sgd':
            self.optimizer = torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum)
        elif settings.optimizer == 'adamw':
            self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.999), eps=1e-8)
        else:
            raise ValueError(f'Unknown optimizer {settings.optimizer!r}: use sgd or adamw.')

    def penalty_weight(self):
        """lambda / L."""
        return self.settings.sparsity / len(self.gated)

    def step(self, batches, penalty=True):
        """One optimiser step over micro-batches [(images [N, 3, H, W], labels [N])], gradients averaged over them.

        Returns (mean cross-entropy, the same plus the penalty), both as they were before the update.
        `penalty=False` is the warm-up.
        """
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        data_loss = 0.0
        total_loss = 0.0
        for images, labels in batches:
            cross_entropy = F.cross_entropy(self.model(images), labels)
            loss = cross_entropy
            if penalty:
                loss = loss + self.penalty_weight() * sum(layer.score.abs() for layer in self.gated.values())
            (loss / len(batches)).backward()
            data_loss += cross_entropy.item() / len(batches)
            total_loss += loss.item() / len(batches)
        self.optimizer.step()
        return data_loss, total_loss
