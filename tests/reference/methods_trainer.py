"""Fixed layers, low-rank deltas, modulators, masks and biases in PyTorch: the oracle for methods without gates.

Each changed layer's weight is a function of the frozen base weight and of parameters of the task's own; gradients are left to
autograd, except for the mask's straight-through threshold. Weights of shape [O, ...] are taken as matrices [O, K].

    delta      w = W + delta                      delta starts at 0
    low-rank   w = W + (alpha / r) * B @ A        B [O, r] starts at 0, A [r, K] is given
    modulator  w = M @ W                          M [O, O] starts as the identity
    mask       w = W * 1[m >= threshold]          dL/dm = G * W / mean|W| (Mallya et al., ECCV 2018, published code)

Needs torch >= 1.13; nothing else.
"""
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize


class Delta(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.delta = nn.Parameter(torch.zeros_like(weight))

    def forward(self, weight):
        return weight + self.delta


class LowRank(nn.Module):
    def __init__(self, weight, rank, alpha, generator):
        super().__init__()
        rows, columns = weight.flatten(1).shape
        rank = min(rank, rows, columns)
        self.scale = alpha / rank
        self.left = nn.Parameter(torch.zeros(rows, rank, dtype=weight.dtype))
        self.right = nn.Parameter((torch.rand(rank, columns, generator=generator) - 0.5).to(weight.dtype) * 2 * columns ** -0.5)

    def forward(self, weight):
        return weight + (self.scale * self.left @ self.right).view_as(weight)


class Modulator(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.modulator = nn.Parameter(torch.eye(weight.shape[0], dtype=weight.dtype))

    def forward(self, weight):
        return (self.modulator @ weight.flatten(1)).view_as(weight)


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, mask, threshold, pace):
        ctx.pace = pace
        return (mask >= threshold).to(mask.dtype)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.pace, None, None


class Mask(nn.Module):
    def __init__(self, weight, init, threshold):
        super().__init__()
        self.threshold = threshold
        self.pace = 1 / weight.abs().mean().item()
        self.mask = nn.Parameter(torch.full_like(weight, init))

    def forward(self, weight):
        return weight * StraightThrough.apply(self.mask, self.threshold, self.pace)


class MethodTrainer:
    """One task on one base.

    model: carries the task's new head; layers: {module name: function that makes a parametrisation from the weight};
    trained: function of a parameter's name and module that says whether a parameter outside layers is the task's own;
    batch_statistics: whether batch normalisation is in training mode; decayed: function of a part's name.
    """

    def __init__(self, model, layers, trained, batch_statistics, optimizer, learning_rate, momentum, weight_decay, decayed):
        self.model, self.batch_statistics = model, batch_statistics
        for name, module in list(model.named_modules()):
            for leaf, parameter in list(module.named_parameters(recurse=False)):
                parameter.requires_grad_(trained(f'{name}.{leaf}' if name else leaf, leaf, module))
        for name, make in layers.items():
            module = model.get_submodule(name)
            module.weight.requires_grad_(False)
            parametrize.register_parametrization(module, 'weight', make(module.weight.detach()))
        moving = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
        groups = [
            dict(params=[parameter for name, parameter in moving if decayed(name)], weight_decay=weight_decay),
            dict(params=[parameter for name, parameter in moving if not decayed(name)], weight_decay=0.0),
        ]
        groups = [group for group in groups if group['params']]
        if optimizer == 'sgd':
            self.optimizer = torch.optim.SGD(groups, lr=learning_rate, momentum=momentum)
        else:
            self.optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8)

    def step(self, batches):
        """One optimiser step over micro-batches [(images, labels)], gradients averaged. Returns the mean cross-entropy before it."""
        self.model.train(self.batch_statistics)
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for images, labels in batches:
            loss = F.cross_entropy(self.model(images), labels)
            (loss / len(batches)).backward()
            total += loss.item() / len(batches)
        self.optimizer.step()
        return total
