"""Notebooks that try things on real data in ../shared, beside the clone, name the right folder.

Such a cell prints "skipped" where the data is absent. A wrong relative path would print the same where the data
is there, so every path is checked here: it must exist if the data does. Absent data is a skip with its reason."""
import ast
import pytest
from repository import cells, code, notebooks, root

SHARED = root.parent/'shared'


def shared_paths(path):
    "Relative paths into the shared folder that cells of the notebook at `path` name"
    for cell in cells(path):
        for node in ast.walk(ast.parse(code(cell))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and 'shared/' in node.value:
                if node.value.startswith('..'): yield node.value


NAMED = sorted({(p.relative_to(root).as_posix(), name) for p in notebooks() for name in shared_paths(p)})


def test_some_notebooks_use_real_data():
    assert len(NAMED) >= 7


@pytest.mark.parametrize('notebook, name', NAMED)
def test_path_is_right(notebook, name):
    target = (root/notebook).parent/name
    inside = name.rpartition('shared/')[2]
    assert target.resolve() == (SHARED/inside).resolve(), f'{notebook}: {name} does not lead to {SHARED.name}/{inside}'
    if not target.exists(): pytest.skip(f'../shared/{inside} is absent: {notebook} skips what it shows of it')
