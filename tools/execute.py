"""Run notebooks under nbdev's rules and keep their outputs: python tools/execute.py [--slow] NOTEBOOK ..."""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import os
import sys
from pathlib import Path
from execnb.nbio import read_nb, write_nb
from execnb.shell import CaptureShell
from nbdev.clean import clean_nb
from nbdev.config import get_config
from nbdev.process import NBProcessor


def skipped(cell, flags):
    "Would nbdev_test leave `cell` out?"
    directives = cell.directives_ if 'directives_' in cell else {}
    return cell.cell_type != 'code' or directives.get('eval:') == ['false'] or bool(flags & set(directives))


def execute(path, flags):
    "Run the cells of the notebook at `path` in its folder; write it back with its outputs, or raise the first error"
    cells = NBProcessor(path, process=True).nb.cells
    skip = {c.idx_ for c in cells if skipped(c, flags)}
    nb = read_nb(path)
    os.chdir(path.parent)
    shell = CaptureShell(path.parent)
    for cell in nb.cells:
        if cell.idx_ in skip: continue
        cell.outputs = []
        shell.cell(cell)
        if shell.exc:
            raise RuntimeError(f'{path.name}, cell {cell.idx_}: {shell.exc!r}\n{cell.source}') from shell.exc
    clean_nb(nb, allowed_cell_metadata_keys=['tags'])
    write_nb(nb, path)


if __name__ == '__main__':
    os.environ['IN_TEST'] = '1'
    flags = set(get_config().tst_flags.split()) - ({'slow'} if '--slow' in sys.argv else set())
    for path in [Path(p).resolve() for p in sys.argv[1:] if p != '--slow']: execute(path, flags)
