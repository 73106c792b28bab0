"""Joint training of several tasks in PyTorch, written from the equations: the oracle for the project's own engine.

exact:      w_t = base + shared + 1[s_t >= threshold] * delta_t
            task t minimises its mean cross-entropy + (lambda / L) * sum |s_t| in delta_t, s_t, normalisation, biases and head;
            shared moves by the mean over the tasks of dL_t/dshared = dL_t/dw_t.
two-stage:  one network with a head per task, all weights and normalisation shared; shared parameters move by the mean gradient.

In both, every optimiser step sees one micro-batch of each task in turn.
"""
import copy

import torch
from torch import nn
from torch.nn import functional as F

from taps_trainer import add_gates


class SharedGatedWeight(torch.autograd.Function):
    """w = (base + shared) + gate * delta, with the straight-through gradient for the score."""

    @staticmethod
    def forward(ctx, base, shared, delta, score, threshold):
        gate = (score >= threshold).to(base.dtype)
        ctx.save_for_backward(delta, gate)
        return (base + shared) + gate * delta

    @staticmethod
    def backward(ctx, weight_gradient):
        delta, gate = ctx.saved_tensors
        return None, weight_gradient, gate * weight_gradient, (weight_gradient * delta).sum(), None


def share(gated_of_tasks):
    """Gives gated layers of the same name one shared summand. Returns {layer name: parameter}."""
    shared = {name: nn.Parameter(torch.zeros_like(layer.base)) for name, layer in gated_of_tasks[0].items()}
    for gated in gated_of_tasks:
        for name, layer in gated.items():
            layer.weight = lambda layer=layer, summand=shared[name]: SharedGatedWeight.apply(
                layer.base, summand, layer.delta, layer.score, layer.threshold)
    return shared


def make_optimizer(settings, groups):
    if settings.optimizer == 'sgd':
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum)
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.999), eps=1e-8)


class ExactJointTrainer:
    def __init__(self, base, head_name, heads, settings, shared_rate):
        self.settings = settings
        self.models = [with_head(base, head_name, head) for head in heads]
        self.gated = [add_gates(model, head_name, settings.threshold, settings.score_init) for model in self.models]
        self.shared = share(self.gated)
        scores = [layer.score for gated in self.gated for layer in gated.values()]
        score_ids = {id(score) for score in scores}
        own = [parameter for model in self.models for parameter in model.parameters() if id(parameter) not in score_ids]
        decay = settings.weight_decay
        self.optimizer = make_optimizer(settings, [
            dict(params=list(self.shared.values()), lr=shared_rate, weight_decay=decay),
            dict(params=own, lr=settings.learning_rate, weight_decay=decay),
            dict(params=scores, lr=settings.score_learning_rate, weight_decay=0.0),
        ])

    def step(self, batches, penalty):
        """batches: one (images, labels) per task. Returns the cross-entropies before the update."""
        self.optimizer.zero_grad(set_to_none=True)
        losses = []
        for model, gated, (images, labels) in zip(self.models, self.gated, batches):
            model.train()
            cross_entropy = F.cross_entropy(model(images), labels)
            loss = cross_entropy
            if penalty:
                loss = loss + self.settings.sparsity / len(gated) * sum(layer.score.abs() for layer in gated.values())
            loss.backward()
            losses.append(cross_entropy.item())
        for parameter in self.shared.values():
            parameter.grad /= len(batches)
        self.optimizer.step()
        return losses


class MultiHeadTrainer:
    def __init__(self, base, head_name, heads, settings, shared_rate):
        self.model = copy.deepcopy(base)
        self.head_name = head_name
        self.heads = [linear(head) for head in heads]
        setattr(self.model, head_name, nn.Identity())
        self.optimizer = make_optimizer(settings, [
            dict(params=list(self.model.parameters()), lr=shared_rate, weight_decay=settings.weight_decay),
            dict(params=[part for head in self.heads for part in head.parameters()], lr=settings.learning_rate, weight_decay=settings.weight_decay),
        ])

    def step(self, batches, _penalty):
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        losses = []
        for head, (images, labels) in zip(self.heads, batches):
            loss = F.cross_entropy(head(self.model(images)), labels)
            loss.backward()
            losses.append(loss.item())
        for parameter in self.model.parameters():
            parameter.grad /= len(batches)
        self.optimizer.step()
        return losses


def linear(head):
    weight, bias = head
    layer = nn.Linear(weight.shape[1], weight.shape[0]).to(weight.dtype)
    layer.weight.data, layer.bias.data = weight.clone(), bias.clone()
    return layer


def with_head(base, head_name, head):
    model = copy.deepcopy(base)
    setattr(model, head_name, linear(head))
    return model
