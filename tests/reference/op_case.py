"""One fixture case: an ONNX operator, its inputs, what PyTorch computes, and the gradients PyTorch's autograd gives.

Everything is computed in float64 from values that float32 holds exactly, so a fixture carries no rounding of its own
beyond the nine digits it is printed with.
"""
import json

import torch

# Multiples of 1/16, and sums of products of two of them, print short and are exact in float32.
GRID = 16
# Added to values on the grid, keeps them off every kink that lies on it (the bounds of Clip, say).
OFF_GRID = 1 / 512


class Draw:
    """Seeded values for one operator's cases."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape, scale=1.0):
        """Normal values on the grid, never zero (zero is where many operators have a kink)."""
        values = torch.round(torch.randn(shape, generator=self.generator, dtype=torch.float64) * scale * GRID)
        return torch.where(values == 0, torch.ones_like(values), values) / GRID

    def positive(self, *shape):
        """0.5 to 2 on the grid."""
        return torch.round((0.5 + 1.5 * torch.rand(shape, generator=self.generator, dtype=torch.float64)) * GRID) / GRID

    def distinct(self, *shape):
        """No two values equal; none zero."""
        count = torch.Size(shape).numel()
        order = torch.randperm(count, generator=self.generator).double()
        return ((order - count // 2) * 4 + 1).reshape(shape) / 64


class Input:
    """`grad`: whether its gradient is recorded. `constant`: a model would carry it as an initializer."""

    def __init__(self, name, value, grad=None, constant=None):
        self.name = name
        self.value = value
        floating = value is not None and value.is_floating_point()
        self.grad = floating if grad is None else grad
        self.constant = not floating if constant is None else constant

    @staticmethod
    def omitted():
        """An optional input that the node leaves out: the name is empty, as in ONNX."""
        return Input('', torch.zeros(0, dtype=torch.float64), grad=False, constant=True)


def integers(*values):
    return torch.tensor(values, dtype=torch.int64)


def weight(name, value):
    """Float initializer with a gradient."""
    return Input(name, value, constant=True)


def make_case(op, name, attributes, inputs, compute, draw):
    """compute(*tensors) -> tensor or tuple, None in place of omitted inputs; outputs without a graph get no upstream."""
    leaves = []
    for item in inputs:
        leaf = item.value.clone()
        if item.grad:
            leaf.requires_grad_(True)
        leaves.append(leaf)
    outputs = compute(*(None if item.name == '' else leaf for item, leaf in zip(inputs, leaves)))
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    upstream = [draw.normal(*output.shape) if output.requires_grad else None for output in outputs]
    total = sum((output * weights).sum() for output, weights in zip(outputs, upstream) if weights is not None)
    with_gradient = [(item, leaf) for item, leaf in zip(inputs, leaves) if item.grad]
    gradients = torch.autograd.grad(total, [leaf for _, leaf in with_gradient]) if with_gradient else []
    return {
        'name': name, 'op': op, 'attributes': attributes,
        'inputs': [
            {'name': item.name, 'dtype': dtype_name(item.value), **tensor(item.value), 'grad': item.grad, 'constant': item.constant}
            for item in inputs
        ],
        'outputs': [tensor(output) for output in outputs],
        'upstream': [None if weights is None else tensor(weights) for weights in upstream],
        'gradients': {item.name: tensor(gradient) for (item, _), gradient in zip(with_gradient, gradients)},
    }


def dtype_name(value):
    return {torch.float64: 'float32', torch.int64: 'int64', torch.bool: 'bool'}[value.dtype]


def tensor(value):
    flat = value.detach().reshape(-1)
    return {'shape': list(value.shape), 'data': flat.to(torch.int64).tolist() if value.dtype == torch.bool else flat.tolist()}


def to_json(value):
    """JSON with floats in at most nine significant digits."""
    if isinstance(value, bool) or value is None or isinstance(value, (int, str)):
        return json.dumps(value)
    if isinstance(value, float):
        if value != value or value in (float('inf'), float('-inf')):
            raise ValueError('A fixture holds finite numbers only.')
        text = f'{value:.9g}'
        return '0' if text == '-0' else text
    if isinstance(value, dict):
        return '{' + ','.join(f'{json.dumps(key)}:{to_json(item)}' for key, item in value.items()) + '}'
    return '[' + ','.join(to_json(item) for item in value) + ']'
