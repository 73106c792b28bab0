"""Cases of the operators that slide a window: convolution and pooling."""
import torch
from torch.nn import functional as F

from op_case import Input, make_case, weight


def pad_image(x, pads, value=0.0):
    """ONNX pads [top, left, bottom, right] on the last two axes."""
    top, left, bottom, right = pads
    return F.pad(x, (left, right, top, bottom), value=value)


def conv_cases(draw):
    # name, input shape, weight shape, attributes, bias
    table = [
        ('3x3 pad 1', (2, 3, 5, 5), (4, 3, 3, 3), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1]), False),
        ('3x3 pad 1 bias', (2, 3, 4, 5), (2, 3, 3, 3), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1]), True),
        ('3x3 no pad', (1, 2, 5, 4), (3, 2, 3, 3), dict(kernel_shape=[3, 3]), False),
        ('3x3 stride 2 odd size', (2, 2, 7, 7), (3, 2, 3, 3), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]), False),
        ('3x3 stride 2 even size', (2, 2, 6, 6), (3, 2, 3, 3), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]), False),
        ('3x3 stride 2 odd and even', (1, 2, 7, 6), (2, 2, 3, 3), dict(kernel_shape=[3, 3], strides=[2, 2]), False),
        ('3x3 strides 2 and 1', (1, 2, 6, 5), (2, 2, 3, 3), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 1]), False),
        ('3x3 stride 3', (1, 2, 9, 8), (2, 2, 3, 3), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[3, 3]), False),
        ('7x7 stride 2 pad 3', (1, 3, 12, 12), (2, 3, 7, 7), dict(kernel_shape=[7, 7], pads=[3, 3, 3, 3], strides=[2, 2]), False),
        ('7x7 stride 2 pad 3 odd size', (1, 1, 9, 11), (2, 1, 7, 7), dict(kernel_shape=[7, 7], pads=[3, 3, 3, 3], strides=[2, 2]), False),
        ('1x1', (2, 3, 3, 4), (4, 3, 1, 1), dict(kernel_shape=[1, 1]), True),
        ('1x1 stride 2 odd size', (2, 3, 5, 5), (4, 3, 1, 1), dict(kernel_shape=[1, 1], strides=[2, 2]), False),
        ('1x1 stride 2 even size', (2, 3, 6, 4), (4, 3, 1, 1), dict(kernel_shape=[1, 1], strides=[2, 2]), False),
        ('5x5 pad 2', (1, 2, 6, 6), (2, 2, 5, 5), dict(kernel_shape=[5, 5], pads=[2, 2, 2, 2]), False),
        ('4x4 stride 4 patches', (2, 3, 8, 8), (3, 3, 4, 4), dict(kernel_shape=[4, 4], strides=[4, 4]), True),
        ('2x2 stride 2 cut edge', (1, 2, 5, 7), (2, 2, 2, 2), dict(kernel_shape=[2, 2], strides=[2, 2]), False),
        ('dilation 2', (1, 2, 7, 6), (2, 2, 3, 3), dict(kernel_shape=[3, 3], pads=[2, 2, 2, 2], dilations=[2, 2]), False),
        ('dilation 2 stride 2', (1, 2, 8, 7), (2, 2, 3, 3), dict(kernel_shape=[3, 3], pads=[2, 2, 2, 2], dilations=[2, 2], strides=[2, 2]), False),
        ('groups 2', (2, 4, 4, 4), (6, 2, 3, 3), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=2), True),
        ('groups 2 stride 2', (1, 4, 5, 6), (4, 2, 3, 3), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], group=2), False),
        ('depthwise', (2, 4, 5, 5), (4, 1, 3, 3), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=4), False),
        ('depthwise stride 2', (1, 4, 6, 5), (4, 1, 3, 3), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], group=4), True),
        ('depthwise 7x7', (1, 2, 6, 6), (2, 1, 7, 7), dict(kernel_shape=[7, 7], pads=[3, 3, 3, 3], group=2), True),
        ('depthwise multiplier 2', (1, 3, 4, 4), (6, 1, 3, 3), dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=3), False),
        ('1x3 kernel', (1, 2, 4, 5), (2, 2, 1, 3), dict(kernel_shape=[1, 3], pads=[0, 1, 0, 1]), False),
        ('3x1 kernel strides 2 and 1', (1, 2, 6, 4), (2, 2, 3, 1), dict(kernel_shape=[3, 1], pads=[1, 0, 1, 0], strides=[2, 1]), False),
        ('pads 0 0 1 1 stride 2', (1, 2, 6, 6), (2, 2, 3, 3), dict(kernel_shape=[3, 3], pads=[0, 0, 1, 1], strides=[2, 2]), False),
        ('pads 2 0 1 3', (1, 2, 4, 4), (2, 2, 3, 3), dict(kernel_shape=[3, 3], pads=[2, 0, 1, 3]), False),
        ('kernel as large as the image', (2, 2, 3, 3), (3, 2, 3, 3), dict(kernel_shape=[3, 3]), False),
    ]
    cases = []
    for name, image, kernel, attributes, bias in table:
        def compute(x, w, b=None, attributes=attributes):
            padded = pad_image(x, attributes.get('pads', [0, 0, 0, 0]))
            return F.conv2d(padded, w, b, attributes.get('strides', 1), 0, attributes.get('dilations', 1), attributes.get('group', 1))
        inputs = [Input('X', draw.normal(*image)), weight('W', draw.normal(*kernel, scale=0.5))]
        if bias:
            inputs.append(weight('B', draw.normal(kernel[0])))
        cases.append(make_case('Conv', name, attributes, inputs, compute, draw))
    return cases


def max_pool_cases(draw):
    # Symmetric pads; the last window always starts inside the image, where ONNX and PyTorch agree about ceil_mode.
    table = [
        ('2x2 stride 2', draw.distinct(2, 2, 4, 4), dict(kernel_shape=[2, 2], strides=[2, 2])),
        ('2x2 stride 2 cut edge', draw.distinct(1, 2, 5, 5), dict(kernel_shape=[2, 2], strides=[2, 2])),
        ('3x3 stride 2 pad 1', draw.distinct(2, 2, 7, 6), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])),
        ('3x3 stride 1 pad 1', draw.distinct(1, 2, 4, 4), dict(kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])),
        ('3x3 stride 2 overlapping', draw.distinct(1, 2, 7, 7), dict(kernel_shape=[3, 3], strides=[2, 2])),
        ('3x3 stride 2 ceil', draw.distinct(1, 2, 6, 8), dict(kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)),
        ('3x3 stride 2 pad 1 ceil', draw.distinct(1, 2, 6, 6), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1)),
        ('kernel 3x2', draw.distinct(1, 2, 6, 6), dict(kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 0])),
        ('all negative with pad', -1 - draw.distinct(1, 1, 4, 4).abs(), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])),
        ('ties 2x2', torch.tensor([[1., 1, 0, 2], [1, 1, 2, 2], [0, 0, 3, 1], [0, 0, 3, 3]]).double().reshape(1, 1, 4, 4),
         dict(kernel_shape=[2, 2], strides=[2, 2])),
        ('ties overlapping', torch.zeros(1, 2, 5, 5, dtype=torch.float64), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])),
    ]
    cases = []
    for name, value, attributes in table:
        def compute(x, attributes=attributes):
            padding = attributes.get('pads', [0, 0, 0, 0])[:2]
            return F.max_pool2d(x, attributes['kernel_shape'], attributes['strides'], padding, 1, bool(attributes.get('ceil_mode', 0)))
        cases.append(make_case('MaxPool', name, attributes, [Input('X', value)], compute, draw))
    return cases


def average_pool_cases(draw):
    table = [
        ('2x2 stride 2', (2, 2, 4, 4), dict(kernel_shape=[2, 2], strides=[2, 2])),
        ('2x2 stride 2 cut edge', (1, 2, 5, 7), dict(kernel_shape=[2, 2], strides=[2, 2])),
        ('3x3 pad 1 without padding in the count', (1, 2, 5, 5), dict(kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1], count_include_pad=0)),
        ('3x3 pad 1 with padding in the count', (1, 2, 5, 5), dict(kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1], count_include_pad=1)),
        ('3x3 stride 2 pad 1 without', (1, 2, 7, 6), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])),
        ('3x3 stride 2 pad 1 with', (1, 2, 7, 6), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)),
        ('3x3 stride 2 ceil', (1, 2, 6, 8), dict(kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)),
        ('3x3 stride 2 pad 1 ceil without', (1, 2, 6, 6), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1, count_include_pad=0)),
        ('3x3 stride 2 pad 1 ceil with', (1, 2, 6, 6), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1, count_include_pad=1)),
        ('whole image', (2, 3, 3, 4), dict(kernel_shape=[3, 4], strides=[1, 1])),
    ]
    cases = []
    for name, shape, attributes in table:
        def compute(x, attributes=attributes):
            return F.avg_pool2d(
                x, attributes['kernel_shape'], attributes['strides'], attributes.get('pads', [0, 0])[:2],
                bool(attributes.get('ceil_mode', 0)), bool(attributes.get('count_include_pad', 0)))
        cases.append(make_case('AveragePool', name, attributes, [Input('X', draw.normal(*shape))], compute, draw))
    return cases


def global_average_pool_cases(draw):
    return [
        make_case('GlobalAveragePool', f'{shape[2]}x{shape[3]}', {}, [Input('X', draw.normal(*shape))],
                  lambda x: x.mean((2, 3), keepdim=True), draw)
        for shape in ((2, 3, 4, 5), (2, 3, 1, 1))
    ]


def global_max_pool_cases(draw):
    return [make_case('GlobalMaxPool', '3x4', {}, [Input('X', draw.distinct(2, 3, 3, 4))], lambda x: F.adaptive_max_pool2d(x, 1), draw)]


CASES = {
    'Conv': conv_cases, 'MaxPool': max_pool_cases, 'AveragePool': average_pool_cases,
    'GlobalAveragePool': global_average_pool_cases, 'GlobalMaxPool': global_max_pool_cases,
}
