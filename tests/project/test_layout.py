"Path order is import order, and packages import only what lies below them"
import ast
import re
import pytest
from repository import cells, code, library, modules, notebooks, root, source

BASE = {'core', 'hashing', 'instruction_set', 'reproducibility'}
BELOW = BASE | {'plotting', 'metrics', 'dry_run'}
MODELS = BELOW | {'synthetic', 'data', 'features', 'experiments'}
MAY_IMPORT = dict(   # package, or module at the top level -> what its modules may import besides their own package
    synthetic=BASE, data=BASE | {'synthetic'}, features=BASE | {'dry_run'},
    experiments=BASE | {'dry_run', 'data', 'features'}, models=MODELS,
    papers=MODELS | {'models'}, inference=MODELS | {'models'}, reporting=MODELS | {'models'},
    cli=MODELS | {'models', 'papers', 'inference', 'reporting'})
PAPERS = {'ding2016', 'lu2018', 'zhou2019'}
by_name = dict(ids=lambda p: p.relative_to(root).with_suffix('').as_posix())


def name_of(path):
    "The module at `path`: 'emotiw.data.corpus'"
    return '.'.join(path.relative_to(root).with_suffix('').parts)


def is_module(name):
    return (root/name.replace('.', '/')).with_suffix('.py').is_file()


def imported(text, module='emotiw'):
    "Names of the modules of this package that the code in `text`, of `module`, imports"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import): yield from (a.name for a in node.names if a.name.startswith('emotiw.'))
        if not isinstance(node, ast.ImportFrom): continue
        above = module.split('.')[:-node.level] if node.level else []
        base = '.'.join([*above, *filter(None, [node.module])])
        if base.partition('.')[0] != 'emotiw': continue
        if is_module(base): yield base
        else: yield from (f'{base}.{a.name}' for a in node.names if is_module(f'{base}.{a.name}'))


def notebook_of(path):
    "The notebook that the module at `path` was exported from"
    return (path.parent/re.search(r'File to edit: (.+\.ipynb)', path.read_text())[1]).resolve()


NOTEBOOK = {name_of(p): notebook_of(p) for p in modules()}


def test_what_counts_as_an_import():
    lines = ('from emotiw.data.corpus import Corpus', 'from .corpus import Corpus', 'import emotiw.data.corpus as c',
             'from emotiw.data import corpus, absent', 'from . import corpus', 'from ..data.corpus import Corpus')
    assert [list(imported(line, 'emotiw.data.splits')) for line in lines] == [['emotiw.data.corpus']] * len(lines)
    assert not list(imported('import numpy\nfrom emotiw_other.core import x\nfrom .x.y import z', 'emotiw.data.splits'))


@pytest.mark.parametrize('path', modules(), **by_name)
def test_module_has_its_notebook(path):
    notebook = notebook_of(path)
    assert notebook.exists(), f'{path.name} was left behind: its notebook {notebook.name} is gone'
    folder, file = (re.fullmatch(r'\d+_(\w+)', n)[1] for n in (notebook.parent.name, notebook.stem))
    package = [] if folder in ('core', 'cli') else [folder]
    assert name_of(path).split('.')[1:] == [*package, file]


@pytest.mark.parametrize('path', notebooks(), **by_name)
def test_imports_point_up(path):
    "Also in the cells that are not exported: examples and tests"
    own = {f'emotiw.{m[1]}' for c in cells(path) if (m := re.search(r'#\|\s*default_exp ([\w.]+)', source(c)))}
    for name in {n for c in cells(path) for n in imported(code(c))} - own:
        assert NOTEBOOK[name] < path, f'{path.name} imports {name}, which stands below it'


@pytest.mark.parametrize('path', modules(), **by_name)
def test_who_may_import_whom(path):
    own, *rest = name_of(path).split('.')[1:]
    for name in imported(path.read_text(), name_of(path)):
        package, *inner = name.split('.')[1:]
        if own in MAY_IMPORT: assert package in MAY_IMPORT[own] | {own}, f'{name_of(path)} may not import {name}'
        else: assert package in BELOW, f'{name_of(path)} is below all packages and imports {name}'
        if own == package == 'papers':
            assert not PAPERS.issuperset([*rest, *inner]), f'one paper imports another, {name}'


@pytest.mark.parametrize('path', [p for p in notebooks() if p not in library()], **by_name)
def test_tables_and_studies_export_nothing(path):
    exports = [c for c in cells(path) if re.search(r'#\|\s*(default_exp|export)', source(c))]
    assert not exports, f'{path.name}: nothing may import a table'
