"Reading order is import order: a notebook uses only what stands above it, so the modules form no cycle"
import ast, re
import pytest
from repository import cells, modules, notebooks, number, root, source

LIBRARY = '40'  # notebooks below export modules; tables and the summary export none
PAPERS = '20', '21', '22'

def home(path):
    "The notebook that the module at `path` was exported from"
    return root/'nbs'/re.search(r'File to edit: .*?([^/]+\.ipynb)', path.read_text())[1]

def of_module(name):
    "Number of the notebook of the module `emotiw.name`"
    return number(home(root/'emotiw'/f'{name}.py'))

def imported(text):
    "Names of the modules of this package that the code in `text` imports"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import): yield from (a.name.split('.')[1] for a in node.names if a.name.startswith('emotiw.'))
        if not isinstance(node, ast.ImportFrom): continue
        base, *rest = (node.module or '').split('.')
        if node.level: base, rest = 'emotiw', [b for b in (base, *rest) if b]
        if base == 'emotiw': yield from rest[:1] or [a.name for a in node.names if (root/'emotiw'/f'{a.name}.py').exists()]

def python(cell):
    "The code of `cell` without shell and magic lines"
    return '\n'.join(line for line in source(cell).splitlines() if not line.lstrip().startswith(('!', '%')))

def test_what_counts_as_an_import():
    lines = ('from emotiw.core import home', 'from .core import home', 'import emotiw.core as c', 'from emotiw import core, __version__',
             'from . import core')
    assert [list(imported(line)) for line in lines] == [['core']] * 5
    assert list(imported('import numpy\nfrom emotiw_other.core import x\nfrom .x.y import z')) == ['x']

def test_numbers_are_unique():
    numbers = [number(p) for p in notebooks()]
    assert len(set(numbers)) == len(numbers)

@pytest.mark.parametrize('path', modules(), ids=lambda p: p.stem)
def test_module_has_its_notebook(path):
    assert home(path).exists(), f'{path.name} was left behind: its notebook {home(path).name} is gone'
    assert home(path).stem.split('_', 1)[1] == path.stem and number(home(path)) < LIBRARY

@pytest.mark.parametrize('path', notebooks(), ids=lambda p: p.stem)
def test_imports_point_up(path):
    "Also in the cells that are not exported: examples and tests"
    own = {re.search(r'#\|\s*default_exp (\w+)', source(c))[1] for c in cells(path) if '#| default_exp' in source(c)}
    for name in (n for c in cells(path) for n in imported(python(c)) if n not in own):
        assert of_module(name) < number(path), f'{path.name} imports emotiw.{name}, which stands below it'
        assert not (number(path) in PAPERS and of_module(name) in PAPERS), f'{path.name} imports another paper, emotiw.{name}'

@pytest.mark.parametrize('path', [p for p in notebooks() if number(p) >= LIBRARY], ids=lambda p: p.stem)
def test_tables_export_nothing(path):
    assert not [c for c in cells(path) if re.search(r'#\|\s*(default_exp|export)', source(c))], f'{path.name}: nothing may import a table'
