"""Writes tests/fixtures/ops: outputs and gradients of every operator by PyTorch, one JSON file per operator.

    python3 tests/reference/make_op_fixtures.py [output folder]

Same PyTorch version, same bytes. The folder's README.md describes the format.
"""
import pathlib
import sys
import zlib

import torch

import op_cases_elementwise
import op_cases_matrix
import op_cases_shape
import op_cases_windows
from op_case import Draw, to_json


def main():
    torch.set_num_threads(1)
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / 'fixtures' / 'ops')
    folder.mkdir(parents=True, exist_ok=True)
    groups = (op_cases_windows, op_cases_matrix, op_cases_elementwise, op_cases_shape)
    cases_by_op = {op: cases for group in groups for op, cases in group.CASES.items()}
    total = 0
    for op, cases in sorted(cases_by_op.items()):
        # One stream per operator: a new case elsewhere changes no other file.
        made = cases(Draw(zlib.crc32(op.encode())))
        (folder / f'{op}.json').write_text('[\n' + ',\n'.join(to_json(case) for case in made) + '\n]\n')
        total += len(made)
    print(f'{len(cases_by_op)} operators, {total} cases')


if __name__ == '__main__':
    main()
