"""A convolutional ONNX classifier as a PyTorch module with trainable layers, so that the reference learns on the very base the project does.

Covers what residual and densely connected classifiers are exported with; anything else is refused by name.
Needs torch and onnx.
"""
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F


def attributes_of(node):
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def symmetric(attributes, node, kernel):
    """Padding of a convolution or pooling -> (vertical, horizontal)."""
    automatic = attributes.get('auto_pad', b'NOTSET').decode()
    if automatic.startswith('SAME') and kernel != (1, 1):
        if tuple(attributes.get('strides', (1, 1))) != (1, 1) or any(size % 2 == 0 for size in kernel):
            raise ValueError(f'{node.name}: automatic padding with strides or even kernels is not supported by the reference.')
        return tuple(size // 2 for size in kernel)
    top, left, bottom, right = attributes.get('pads', (0, 0, 0, 0))
    if (top, left) != (bottom, right):
        raise ValueError(f'{node.name}: padding that differs between sides is not supported by the reference.')
    return top, left


class OnnxNetwork(nn.Module):
    """The network up to the input of its last Gemm, then `head`, a new linear layer of `classes` outputs."""

    def __init__(self, path, classes):
        super().__init__()
        graph = onnx.load(path).graph
        self.constants = {item.name: torch.from_numpy(numpy_helper.to_array(item).copy()) for item in graph.initializer}
        heads = [node for node in graph.node if node.op_type == 'Gemm']
        if not heads:
            raise ValueError('The network has no Gemm to replace.')
        self.image = next(item.name for item in graph.input if item.name not in self.constants)
        self.features = heads[-1].input[0]
        self.steps = []
        self.layers = nn.ModuleList()
        for node in graph.node:
            if node is heads[-1] or heads[-1].name == node.name:
                break
            self.steps.append((node, attributes_of(node), self._layer(node)))
        width = self.constants[heads[-1].input[1]].shape
        trans = attributes_of(heads[-1]).get('transB', 0)
        self.head = nn.Linear(width[1] if trans else width[0], classes)

    def _layer(self, node):
        """Index of the module that holds the node's weights; None where it has none."""
        values = attributes_of(node)
        if node.op_type == 'Conv':
            weight = self.constants[node.input[1]]
            groups = values.get('group', 1)
            module = nn.Conv2d(weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:]), tuple(values.get('strides', (1, 1))),
                               symmetric(values, node, tuple(weight.shape[2:])), tuple(values.get('dilations', (1, 1))), groups, bias=len(node.input) > 2)
            parts = dict(weight=weight, **(dict(bias=self.constants[node.input[2]]) if len(node.input) > 2 else {}))
        elif node.op_type == 'BatchNormalization':
            scale, shift, mean, variance = (self.constants[name] for name in node.input[1:5])
            # ONNX's momentum is the part that is kept, PyTorch's the part that is new; kept at most 0.9, as the project does.
            module = nn.BatchNorm2d(len(scale), eps=values.get('epsilon', 1e-5), momentum=1 - min(0.9, values.get('momentum', 0.9)))
            parts = dict(weight=scale, bias=shift, running_mean=mean, running_var=variance)
        else:
            return None
        state = module.state_dict()
        state.update(parts)
        module.load_state_dict(state)
        self.layers.append(module)
        return len(self.layers) - 1

    def forward(self, images):
        values = {self.image: images}
        for node, attributes, layer in self.steps:
            inputs = [values[name] if name in values else self.constants.get(name) for name in node.input]
            values[node.output[0]] = self.layers[layer](inputs[0]) if layer is not None else self._plain(node, attributes, inputs)
        return self.head(values[self.features].flatten(1))

    @staticmethod
    def _plain(node, attributes, inputs):
        first = inputs[0]
        if node.op_type == 'Relu':
            return F.relu(first)
        if node.op_type == 'Add':
            return first + inputs[1]
        if node.op_type == 'Concat':
            return torch.cat(inputs, attributes['axis'])
        if node.op_type == 'GlobalAveragePool':
            return first.mean((2, 3), keepdim=True)
        if node.op_type == 'ReduceMean':
            return first.mean(tuple(attributes['axes']), keepdim=bool(attributes.get('keepdims', 1)))
        if node.op_type == 'Flatten':
            return first.flatten(attributes.get('axis', 1))
        if node.op_type in ('Identity', 'Dropout'):
            return first
        if node.op_type == 'MaxPool':
            top, left, bottom, right = attributes.get('pads', (0, 0, 0, 0))
            padded = F.pad(first, (left, right, top, bottom), value=float('-inf')) if any((top, left, bottom, right)) else first
            return F.max_pool2d(padded, attributes['kernel_shape'], attributes['strides'])
        if node.op_type == 'Pad':
            left_of_axis = [int(value) for value in (inputs[1].tolist() if len(inputs) > 1 else attributes['pads'])]
            (top, left), (bottom, right) = left_of_axis[2:4], left_of_axis[6:8]
            return F.pad(first, (left, right, top, bottom))
        if node.op_type == 'AveragePool':
            return F.avg_pool2d(first, attributes['kernel_shape'], attributes['strides'], symmetric(attributes, node, tuple(attributes['kernel_shape'])))
        raise ValueError(f'{node.name}: {node.op_type} is not supported by the reference.')
