"Conventions of notebooks, modules and texts that ruff does not check"
import ast
import functools
import json
import re
import pytest
from repository import cells, files, library, modules, notebooks, root, source

TABLES = [p for p in notebooks() if p.parent.name == 'tables']
# a path of the machine that something was written on; the look-behind excludes addresses, relative paths and base64
MACHINE = re.compile(r'(?:(?<=file://)|(?<![\w.:/+~$})*-]))/(?:root|home|work|tmp|Users|mnt)/[\w.]')
by_name = dict(ids=lambda p: p.relative_to(root).as_posix().replace('/', '.'))


def lines(cell):
    "The non-empty lines of `cell`"
    return [line for line in source(cell).splitlines() if line.strip()]


def texts():
    "Name -> text of every text file of the repository; of a notebook, its cells and its outputs without pictures"
    for p in files():
        try: text = p.read_text()
        except UnicodeDecodeError: continue
        yield p.relative_to(root).as_posix(), visible_text(json.loads(text)) if p.suffix == '.ipynb' else text


def visible_text(nb):
    "The text that a reader of the notebook `nb` sees"
    outputs = [o for c in nb['cells'] for o in c.get('outputs', [])]
    shown = [v for o in outputs for kind, v in o.get('data', {}).items() if kind.startswith('text/')]
    printed = [o.get('text', '') for o in outputs]
    return '\n'.join([source(c) for c in nb['cells']] + [''.join(v) for v in shown + printed])


def test_a_machine_path_is_seen():
    path = '/'.join(('', 'home', 'ann', 'clips'))
    for text in path, f'"{path}"', f'in {path}', f'({path})', f'corpus={path}', f'file://{path}':
        assert MACHINE.search(text), text
    for text in f'https://a.org{path}', f'..{path}', f'nbs{path}', f'iVBOR+{path}', f'~{path}':
        assert not MACHINE.search(text), text


def test_no_path_of_a_machine():
    found = [(name, line) for name, text in texts() if MACHINE.search(text) for line in text.splitlines()]
    found = [f'{name}: {line.strip()[:80]}' for name, line in found if MACHINE.search(line)]
    assert not found, '\n'.join(found)


@pytest.mark.parametrize('path', notebooks(), **by_name)
def test_notebook_opens_with_title_and_summary(path):
    first = json.loads(path.read_text())['cells'][0]
    title, summary, *_ = lines(first)
    assert first['cell_type'] == 'markdown' and title.startswith('# ') and summary.startswith('> ')


@pytest.mark.parametrize('path', [p for p in files() if p.suffix == '.ipynb'], **by_name)
def test_notebook_shows_no_error(path):
    assert not [o for c in cells(path) for o in c['outputs'] if o['output_type'] == 'error']


@pytest.mark.parametrize('path', TABLES, **by_name)
def test_table_has_one_parameter_per_line(path):
    "papermill finds the cell by its tag, and a parameter's name, default and help by its line"
    tagged = [c for c in cells(path) if 'parameters' in c['metadata'].get('tags', [])]
    assert len(tagged) == 1
    statements = ast.parse(source(tagged[0])).body
    targets = [t for s in statements for t in (s.targets if isinstance(s, ast.Assign) else [s.target])]
    assert all(isinstance(t, ast.Name) for t in targets)
    assert len({s.lineno for s in statements}) == len(statements) == len(targets)


@functools.cache
def package_classes():
    "Names of the classes of this package: a parameter annotated with one needs no comment"
    return {n.name for p in modules() for n in ast.parse(p.read_text()).body if isinstance(n, ast.ClassDef)}


def undocumented(node, text, what):
    "Parameters of the function `node` that have no line with a comment of their own"
    a = node.args
    parameters = [p for p in (*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg) if p]
    parameters = [p for p in parameters if p.arg not in ('self', 'cls')]
    starts = [p.lineno for p in parameters] + [node.body[0].lineno]
    for p, start, end in zip(parameters, starts, starts[1:]):
        own_lines = text[start - 1:max(end - 1, start)]
        commented = starts.count(start) == 1 and any('#' in line or 'help=' in line for line in own_lines)   # a command
        if not commented and not (p.annotation and ast.unparse(p.annotation) in package_classes()):
            yield f'{what}: parameter {p.arg}'


def gaps(path):
    "Public names of the module at `path` that lack their documentation"
    code = path.read_text()
    text = code.splitlines()
    for node in ast.parse(code).body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith('_'): continue
        if not ast.get_docstring(node): yield f'{node.name}: docstring'
        if isinstance(node, ast.FunctionDef): yield from undocumented(node, text, node.name)
        else: yield from class_gaps(node, text)


def self_evident(name, field, text):
    "Is the dataclass field private, of a class of this package, or commented?"
    return name.startswith('_') or ast.unparse(field.annotation) in package_classes() or '#' in text[field.lineno - 1]


def class_gaps(node, text):
    "The same of a class: its fields, its initialiser and its forward"
    for member in node.body:
        name = f'{node.name}.{getattr(member, "name", "")}'
        if isinstance(member, ast.AnnAssign) and not self_evident(member.target.id, member, text):
            yield f'{node.name}: field {member.target.id}'
        if not isinstance(member, ast.FunctionDef): continue
        if member.name in ('__init__', 'forward'): yield from undocumented(member, text, name)
        if member.name[0] != '_' and not (node.bases or ast.get_docstring(member)): yield f'{name}: docstring'


SAMPLE = """
def f(a, b):
    "Both on a line"
def g(
    a,       # yes
    b=(1,
       2),   # yes
    c=0,
): pass
class C:
    "A class"
    x: int
    y: int   # yes
    def forward(self, f): pass
"""


def test_gaps_are_seen(tmp_path):
    module = tmp_path/'x.py'
    module.write_text(SAMPLE)
    assert list(gaps(module)) == ['f: parameter a', 'f: parameter b', 'g: docstring', 'g: parameter c',
                                  'C: field x', 'C.forward: parameter f', 'C.forward: docstring']


@pytest.mark.parametrize('path', modules(), **by_name)
def test_public_names_are_documented(path):
    missing = list(gaps(path))
    assert not missing, '\n'.join(missing)


@pytest.mark.parametrize('path', library(), **by_name)
def test_summary_fits_a_line(path):
    "It becomes the module's docstring"
    summary = lines(json.loads(path.read_text())['cells'][0])[1].removeprefix('> ')
    assert len(summary) <= 114, f'{len(summary)} characters: {summary}'
