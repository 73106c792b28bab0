"""Cases of operators that move, join, cut or reduce values."""
import torch
from torch.nn import functional as F

from op_case import Input, integers, make_case, weight


def reduce_cases(op, reduce):
    """Axes are an attribute for ReduceMean (opset 13) and an input for ReduceSum (opset 13)."""
    def cases(draw):
        result = []
        table = [('last axis', [-1], 1), ('last axis dropped', [-1], 0), ('spatial', [2, 3], 1), ('spatial dropped', [2, 3], 0),
                 ('tokens', [1], 0), ('negative axes', [-2, -1], 0), ('first axis', [0], 1)]
        for name, axes, keepdims in table:
            inputs, attributes = [Input('data', draw.normal(2, 3, 2, 4))], dict(keepdims=keepdims)
            if op == 'ReduceMean':
                attributes = dict(axes=axes, keepdims=keepdims)
            else:
                inputs.append(Input('axes', integers(*axes)))
            result.append(make_case(op, name, attributes, inputs, lambda x, _=None, axes=axes, keep=bool(keepdims): reduce(x, axes, keepdim=keep), draw))
        return result
    return cases


def concat_cases(draw):
    table = [('channels', [(2, 1, 3, 2), (2, 3, 3, 2)], 1), ('last of three', [(2, 2), (2, 1), (2, 3)], -1), ('one input', [(2, 3)], 0)]
    cases = [
        make_case('Concat', name, dict(axis=axis), [Input(f'input{index}', draw.normal(*shape)) for index, shape in enumerate(shapes)],
                  lambda *parts, axis=axis: torch.cat(parts, axis), draw)
        for name, shapes, axis in table
    ]
    token = [weight('token', draw.normal(2, 1, 3)), Input('tokens', draw.normal(2, 4, 3))]
    return [*cases, make_case('Concat', 'class token', dict(axis=1), token, lambda *parts: torch.cat(parts, 1), draw)]


def split_cases(draw):
    table = [('three equal parts', (2, 2, 6), -1, (2, 2, 2)), ('unequal parts', (2, 5, 2), 1, (1, 3, 1)), ('first axis', (4, 3), 0, (1, 3))]
    return [
        make_case('Split', name, dict(axis=axis), [Input('input', draw.normal(*shape)), Input('split', integers(*parts))],
                  lambda x, _, axis=axis, parts=parts: torch.split(x, parts, axis), draw)
        for name, shape, axis, parts in table
    ]


def slice_cases(draw):
    # name, shape, starts, ends, axes, steps (None: left out), index in Python
    table = [
        ('one axis', (2, 6, 3), [1], [4], [1], None, (slice(None), slice(1, 4))),
        ('end beyond the axis', (2, 6), [2], [1000], [1], [1], (slice(None), slice(2, None))),
        ('negative start', (2, 6), [-3], [1000], [1], [1], (slice(None), slice(-3, None))),
        ('negative end', (2, 6), [0], [-1], [-1], [1], (slice(None), slice(0, -1))),
        ('step 2', (2, 7), [0], [7], [1], [2], (slice(None), slice(0, 7, 2))),
        ('step 3 from 1', (7, 2), [1], [7], [0], [3], (slice(1, 7, 3),)),
        ('two axes', (2, 2, 5, 6), [1, 0], [5, 6], [2, 3], [2, 2], (slice(None), slice(None), slice(1, 5, 2), slice(0, 6, 2))),
    ]
    cases = []
    for name, shape, starts, ends, axes, steps, index in table:
        inputs = [Input('data', draw.normal(*shape)), Input('starts', integers(*starts)), Input('ends', integers(*ends)), Input('axes', integers(*axes))]
        if steps is not None:
            inputs.append(Input('steps', integers(*steps)))
        cases.append(make_case('Slice', name, {}, inputs, lambda x, *_, index=index: x[index], draw))
    return cases


def gather_cases(draw):
    # An index of no axes drops the axis, as in x[:, 0].
    table = [
        ('class token', (2, 5, 3), 1, torch.tensor(0)),
        ('negative index', (2, 5, 3), 1, torch.tensor(-1)),
        ('list with repeats', (4, 3), 0, integers(2, 0, 2)),
        ('list on the last axis', (2, 4), -1, integers(3, 1)),
        ('table of indices', (5, 2), 0, torch.tensor([[0, 1], [4, 4]])),
    ]
    return [
        make_case('Gather', name, dict(axis=axis), [Input('data', draw.normal(*shape)), Input('indices', indices)],
                  lambda x, index, axis=axis: gather(x, index, axis % x.dim()), draw)
        for name, shape, axis, indices in table
    ]


def gather(x, indices, axis):
    picked = x.index_select(axis, (indices % x.shape[axis]).reshape(-1))
    return picked.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1:])


def transpose_cases(draw):
    table = [('matrix', (2, 3), [1, 0]), ('to channels last', (2, 3, 2, 4), [0, 2, 3, 1]), ('attention heads', (2, 3, 2, 4), [0, 2, 1, 3]), ('tokens', (2, 3, 4), [0, 2, 1])]
    cases = [
        make_case('Transpose', name, dict(perm=perm), [Input('data', draw.normal(*shape))], lambda x, perm=perm: x.permute(perm), draw)
        for name, shape, perm in table
    ]
    return [*cases, make_case('Transpose', 'perm left out', {}, [Input('data', draw.normal(2, 3, 4))], lambda x: x.permute(2, 1, 0), draw)]


def reshape_cases(draw):
    table = [('flatten space', (2, 3, 2, 2), (2, 3, 4), (2, 3, 4)), ('minus one', (2, 3, 4), (2, -1), (2, 12)), ('zero copies', (2, 3, 4), (0, 0, 2, 2), (2, 3, 2, 2)),
             ('zero and minus one', (2, 3, 4), (0, -1), (2, 12))]
    return [
        make_case('Reshape', name, {}, [Input('data', draw.normal(*before)), Input('shape', integers(*request))], lambda x, _, after=after: x.reshape(after), draw)
        for name, before, request, after in table
    ]


def flatten_cases(draw):
    table = [('axis 1', (2, 3, 2, 1), 1, (2, 6)), ('axis 2', (2, 3, 4), 2, (6, 4)), ('axis 0', (2, 3), 0, (1, 6))]
    return [
        make_case('Flatten', name, dict(axis=axis), [Input('input', draw.normal(*before))], lambda x, after=after: x.reshape(after), draw)
        for name, before, axis, after in table
    ]


def squeeze_cases(draw):
    return [make_case('Squeeze', name, {}, [Input('data', draw.normal(*before)), Input('axes', integers(*axes))], lambda x, _, after=after: x.reshape(after), draw)
            for name, before, axes, after in (('spatial', (2, 3, 1, 1), (2, 3), (2, 3)), ('negative', (2, 1, 3), (-2,), (2, 3)))]


def unsqueeze_cases(draw):
    return [make_case('Unsqueeze', name, {}, [Input('data', draw.normal(*before)), Input('axes', integers(*axes))], lambda x, _, after=after: x.reshape(after), draw)
            for name, before, axes, after in (('spatial', (2, 3), (2, 3), (2, 3, 1, 1)), ('negative', (2, 3), (-1,), (2, 3, 1)), ('first', (3,), (0,), (1, 3)))]


def pad_cases(draw):
    # ONNX: all beginnings, then all ends; PyTorch: last axis first.
    table = [('space', (1, 2, 3, 3), (0, 0, 1, 2, 0, 0, 2, 1), (2, 1, 1, 2), 0.0), ('channels with a value', (1, 2, 2), (0, 1, 0, 0, 0, 1), (0, 1, 1, 0), 0.5),
             ('matrix', (2, 3), (1, 0, 0, 2), (0, 2, 1, 0), 0.0)]
    cases = []
    for name, shape, pads, torch_pads, value in table:
        inputs = [Input('data', draw.normal(*shape)), Input('pads', integers(*pads))]
        if value != 0:
            inputs.append(Input('constant_value', torch.tensor(value, dtype=torch.float64), grad=False, constant=True))
        cases.append(make_case('Pad', name, dict(mode='constant'), inputs, lambda x, *_, pads=torch_pads, value=value: F.pad(x, pads, value=value), draw))
    return cases


def expand_cases(draw):
    table = [('class token', (1, 1, 3), (2, 1, 3), (2, 1, 3)), ('new axes', (3, 1), (2, 3, 4), (2, 3, 4)), ('ones in the request', (2, 3), (1, 1, 3), (1, 2, 3))]
    return [
        make_case('Expand', name, {}, [weight('input', draw.normal(*before)), Input('shape', integers(*request))], lambda x, _, after=after: x.expand(after), draw)
        for name, before, request, after in table
    ]


def reduce_sum(x, axes, keepdim):
    return x.sum(axes, keepdim=keepdim)


def reduce_mean(x, axes, keepdim):
    return x.mean(axes, keepdim=keepdim)


CASES = {
    'ReduceMean': reduce_cases('ReduceMean', reduce_mean), 'ReduceSum': reduce_cases('ReduceSum', reduce_sum), 'Concat': concat_cases,
    'Split': split_cases, 'Slice': slice_cases, 'Gather': gather_cases, 'Transpose': transpose_cases, 'Reshape': reshape_cases,
    'Flatten': flatten_cases, 'Squeeze': squeeze_cases, 'Unsqueeze': unsqueeze_cases, 'Pad': pad_cases, 'Expand': expand_cases,
}
