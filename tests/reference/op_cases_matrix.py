"""Cases of matrix products, normalisations, softmax and the loss."""
import torch
from torch.nn import functional as F

from op_case import Input, integers, make_case, weight


def gemm_cases(draw):
    # name, A, B, C, attributes
    table = [
        ('classifier', (3, 5), (4, 5), (4,), dict(transB=1)),
        ('no transposition', (3, 5), (5, 4), (4,), {}),
        ('transA', (5, 3), (5, 4), (4,), dict(transA=1)),
        ('transA and transB', (5, 3), (4, 5), (4,), dict(transA=1, transB=1)),
        ('alpha and beta', (3, 5), (4, 5), (4,), dict(alpha=0.5, beta=2.5, transB=1)),
        ('without C', (3, 5), (4, 5), None, dict(transB=1, alpha=1.5)),
        ('C of the full shape', (3, 5), (5, 4), (3, 4), {}),
        ('C as a column', (3, 5), (5, 4), (3, 1), dict(beta=0.25)),
        ('one row', (1, 2), (2, 3), (3,), {}),
    ]
    cases = []
    for name, a, b, c, attributes in table:
        def compute(left, right, bias=None, attributes=attributes):
            left = left.T if attributes.get('transA') else left
            right = right.T if attributes.get('transB') else right
            product = attributes.get('alpha', 1.0) * (left @ right)
            return product if bias is None else product + attributes.get('beta', 1.0) * bias
        inputs = [Input('A', draw.normal(*a)), weight('B', draw.normal(*b))]
        if c is not None:
            inputs.append(weight('C', draw.normal(*c)))
        cases.append(make_case('Gemm', name, attributes, inputs, compute, draw))
    return cases


def matmul_cases(draw):
    table = [
        ('matrices', (3, 4), (4, 5), True),
        ('tokens by weight', (2, 3, 4), (4, 5), True),
        ('four axes by weight', (2, 2, 3, 4), (4, 2), True),
        ('batched', (2, 3, 4), (2, 4, 5), False),
        ('attention', (2, 2, 3, 4), (2, 2, 4, 3), False),
        ('broadcast left', (1, 3, 4), (2, 4, 2), False),
        ('broadcast right', (2, 2, 3, 4), (1, 2, 4, 2), False),
        ('broadcast both', (2, 1, 3, 4), (3, 4, 2), False),
    ]
    cases = []
    for name, a, b, constant in table:
        inputs = [Input('A', draw.normal(*a)), Input('B', draw.normal(*b), constant=constant)]
        cases.append(make_case('MatMul', name, {}, inputs, torch.matmul, draw))
    return cases


def batch_normalization_cases(draw):
    cases = []
    for name, shape, epsilon in (('4 axes', (3, 2, 3, 4), 1e-5), ('2 axes', (5, 3), 1e-5), ('3 axes', (2, 3, 4), 1e-3), ('two values per channel', (2, 2, 1, 1), 1e-5)):
        channels = shape[1]
        for training in (True, False):
            attributes = dict(epsilon=epsilon, momentum=0.9, training_mode=int(training))

            def compute(x, scale, bias, mean, variance, training=training, epsilon=epsilon):
                mean, variance = mean.clone(), variance.clone()
                y = F.batch_norm(x, mean, variance, scale, bias, training, 0.1, epsilon)
                return (y, mean, variance) if training else y
            inputs = [
                Input('X', draw.normal(*shape, scale=1.5)), weight('scale', draw.positive(channels)), weight('B', draw.normal(channels)),
                Input('input_mean', draw.normal(channels), grad=False, constant=True),
                Input('input_var', draw.positive(channels), grad=False, constant=True),
            ]
            mode = 'training' if training else 'evaluation'
            cases.append(make_case('BatchNormalization', f'{mode}, {name}', attributes, inputs, compute, draw))
    return cases


def layer_normalization_cases(draw):
    cases = []
    table = [('3 axes', (2, 3, 6), 1e-5, True), ('epsilon 1e-6', (2, 3, 6), 1e-6, True), ('2 axes', (4, 5), 1e-5, True),
             ('4 axes', (2, 2, 3, 4), 1e-6, True), ('without B', (2, 6), 1e-5, False)]
    for name, shape, epsilon, bias in table:
        inputs = [Input('X', draw.normal(*shape, scale=2)), weight('Scale', draw.positive(shape[-1]))]
        if bias:
            inputs.append(weight('B', draw.normal(shape[-1])))

        def compute(x, scale, shift=None, epsilon=epsilon):
            return F.layer_norm(x, (x.shape[-1],), scale, shift, epsilon)
        cases.append(make_case('LayerNormalization', name, dict(axis=-1, epsilon=epsilon), inputs, compute, draw))
    return cases


def softmax_cases(draw, op='Softmax', function=torch.softmax):
    table = [('last axis', (2, 5), -1, 1), ('attention', (2, 2, 3, 3), -1, 1), ('axis 1 of 3', (2, 4, 3), 1, 1), ('axis 0', (3, 2), 0, 1),
             ('large values', (2, 4), -1, 40)]
    return [
        make_case(op, name, dict(axis=axis), [Input('input', draw.normal(*shape, scale=scale))], lambda x, axis=axis: function(x, axis), draw)
        for name, shape, axis, scale in table
    ]


def log_softmax_cases(draw):
    return softmax_cases(draw, 'LogSoftmax', torch.log_softmax)


def cross_entropy_cases(draw):
    """Mean over the batch; labels are class indices."""
    table = [('4 classes', (5, 4), (0, 3, 1, 1, 2), 1), ('one image', (1, 3), (2,), 1), ('large scores', (3, 4), (0, 1, 3), 60), ('2 classes', (4, 2), (0, 1, 1, 0), 2)]
    return [
        make_case('SoftmaxCrossEntropyLoss', name, dict(reduction='mean'),
                  [Input('scores', draw.normal(*shape, scale=scale)), Input('labels', integers(*labels))], F.cross_entropy, draw)
        for name, shape, labels, scale in table
    ]


CASES = {
    'Gemm': gemm_cases, 'MatMul': matmul_cases, 'BatchNormalization': batch_normalization_cases,
    'LayerNormalization': layer_normalization_cases, 'Softmax': softmax_cases, 'LogSoftmax': log_softmax_cases,
    'SoftmaxCrossEntropyLoss': cross_entropy_cases,
}
