"""Cases of elementwise operators, with broadcasting where there are two operands."""
import math

import torch
from torch.nn import functional as F

from op_case import OFF_GRID, Input, make_case, weight

SHAPE = (2, 3, 4)
BROADCASTS = [
    # name, A, B, whether B is an initializer
    ('same shape', (2, 3, 4), (2, 3, 4), False),
    ('vector on the last axis', (2, 3, 4), (4,), True),
    ('channels', (2, 3, 2, 2), (3, 1, 1), True),
    ('squeeze and excitation', (2, 3, 2, 2), (2, 3, 1, 1), False),
    ('both sides', (2, 1, 3), (4, 1), False),
    ('larger second operand', (3,), (2, 2, 3), False),
    ('one element', (2, 3), (1,), True),
    ('scalar', (2, 3), (), True),
]


def unary(op, compute, values='normal', attributes=None, name='values', scale=1.5, offset=0.0):
    def cases(draw):
        value = draw.positive(*SHAPE) if values == 'positive' else draw.normal(*SHAPE, scale=scale) + offset
        return [make_case(op, name, attributes or {}, [Input('X', value)], compute, draw)]
    return cases


def binary(op, compute, divisor=False):
    def cases(draw):
        result = []
        for name, a, b, constant in BROADCASTS:
            second = draw.positive(*b) if divisor else draw.normal(*b)
            result.append(make_case(op, name, {}, [Input('A', draw.normal(*a)), Input('B', second, constant=constant)], compute, draw))
        return result
    return cases


def joined(*parts):
    return lambda draw: [case for part in parts for case in part(draw)]


def extreme(op, compute):
    """Two operands without equal entries: what a tie's gradient is differs between libraries."""
    def cases(draw):
        both = draw.distinct(2, 2, 3)
        column = draw.distinct(7)[1:3] + OFF_GRID
        return [
            make_case(op, 'same shape', {}, [Input('A', both[0]), Input('B', both[1])], compute, draw),
            make_case(op, 'broadcast', {}, [Input('A', both[0]), Input('B', column.reshape(2, 1))], compute, draw),
        ]
    return cases


def relu_cases(draw):
    value = draw.normal(*SHAPE)
    value[0, 0, :2] = 0
    return [make_case('Relu', 'values and zeros', {}, [Input('X', value)], torch.relu, draw)]


def clip_cases(draw):
    def bound(name, value):
        return Input(name, torch.tensor(value, dtype=torch.float64), grad=False, constant=True)

    def compute(x, low=None, high=None):
        return torch.clamp(x, low, high)
    x = [draw.normal(*SHAPE, scale=5) + OFF_GRID for _ in range(3)]
    return [
        make_case('Clip', '0 to 6', {}, [Input('input', x[0]), bound('min', 0.0), bound('max', 6.0)], compute, draw),
        make_case('Clip', 'lower bound only', {}, [Input('input', x[1]), bound('min', -0.5)], compute, draw),
        make_case('Clip', 'upper bound only', {}, [Input('input', x[2]), Input.omitted(), bound('max', 1.25)], compute, draw),
    ]


def pow_cases(draw):
    def exponent(*values, scalar=False):
        value = torch.tensor(values, dtype=torch.float64)
        return Input('Y', value[0] if scalar else value, grad=False, constant=True)
    return [
        make_case('Pow', 'square', {}, [Input('X', draw.normal(*SHAPE)), exponent(2.0, scalar=True)], torch.pow, draw),
        make_case('Pow', 'cube', {}, [Input('X', draw.normal(*SHAPE)), exponent(3.0)], torch.pow, draw),
        make_case('Pow', 'root', {}, [Input('X', draw.positive(*SHAPE)), exponent(0.5, scalar=True)], torch.pow, draw),
        make_case('Pow', 'inverse', {}, [Input('X', draw.positive(2, 3)), exponent(-1.0, scalar=True)], torch.pow, draw),
    ]


def where_cases(draw):
    def condition(*shape):
        return Input('condition', torch.rand(shape, generator=draw.generator) < 0.5, grad=False, constant=True)
    return [
        make_case('Where', 'same shape', {}, [condition(2, 3), Input('X', draw.normal(2, 3)), Input('Y', draw.normal(2, 3))], torch.where, draw),
        make_case('Where', 'broadcast', {}, [condition(1, 3), Input('X', draw.normal(2, 3)), weight('Y', draw.normal(2, 1))], torch.where, draw),
    ]


def hard_sigmoid(alpha, beta):
    return lambda x: torch.clamp(alpha * x + beta, 0, 1)


CASES = {
    'Relu': relu_cases,
    'LeakyRelu': joined(
        unary('LeakyRelu', lambda x: F.leaky_relu(x, 0.01), name='alpha left out'),
        unary('LeakyRelu', lambda x: F.leaky_relu(x, 0.25), attributes=dict(alpha=0.25), name='alpha 0.25')),
    'Clip': clip_cases,
    'Sigmoid': unary('Sigmoid', torch.sigmoid, scale=4),
    'HardSigmoid': joined(
        unary('HardSigmoid', hard_sigmoid(0.2, 0.5), scale=3, offset=OFF_GRID, name='alpha and beta left out'),
        unary('HardSigmoid', F.hardsigmoid, attributes=dict(alpha=1 / 6, beta=0.5), scale=3, offset=OFF_GRID, name="PyTorch's")),
    'HardSwish': unary('HardSwish', F.hardswish, scale=3, offset=OFF_GRID),
    'Tanh': unary('Tanh', torch.tanh),
    'Erf': unary('Erf', torch.erf),
    'Gelu': joined(
        unary('Gelu', F.gelu, name='exact'),
        unary('Gelu', lambda x: F.gelu(x, approximate='tanh'), attributes=dict(approximate='tanh'), name='tanh'),
        # The activation as older exports spell it out has its own kernels; this is the value they must reach together.
        unary('Gelu', lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))), attributes=dict(approximate='none'), scale=4, name='wide range')),
    'Pow': pow_cases,
    'Sqrt': unary('Sqrt', torch.sqrt, 'positive'),
    'Exp': unary('Exp', torch.exp),
    'Log': unary('Log', torch.log, 'positive'),
    'Neg': unary('Neg', torch.neg),
    'Abs': unary('Abs', torch.abs),
    'Reciprocal': unary('Reciprocal', torch.reciprocal, 'positive'),
    'Add': binary('Add', torch.add),
    'Sub': binary('Sub', torch.sub),
    'Mul': binary('Mul', torch.mul),
    'Div': binary('Div', torch.div, divisor=True),
    'Max': extreme('Max', torch.maximum),
    'Min': extreme('Min', torch.minimum),
    'Where': where_cases,
}
