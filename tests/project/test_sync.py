"The package is what the notebooks export, and the notebooks are clean"
import shutil
import subprocess
import sys
from pathlib import Path
import pytest
from repository import notebooks, root


@pytest.fixture
def copy(tmp_path):
    "What nbdev reads and writes, copied"
    for part in 'nbs', 'emotiw': shutil.copytree(root/part, tmp_path/part, ignore=shutil.ignore_patterns('.*', '__pycache__'))
    for part in 'settings.ini', 'pyproject.toml': shutil.copy(root/part, tmp_path)
    return tmp_path

def package(where):
    "Module -> its text"
    return {p.name: p.read_text() for p in (where/'emotiw').glob('*.py')}

def test_package_is_exported(copy):
    for p in (copy/'emotiw').glob('*.py'): p.unlink()
    subprocess.run([Path(sys.executable).with_name('nbdev_export')], cwd=copy, check=True)
    exported, committed = package(copy), package(root)
    assert sorted(exported) == sorted(committed), 'a module without its notebook, or a notebook not exported'
    stale = [name for name in exported if exported[name] != committed[name]]
    assert not stale, f'run nbdev_export: {stale} differ from their notebooks'

def test_notebooks_are_clean(copy):
    subprocess.run([Path(sys.executable).with_name('nbdev_clean')], cwd=copy, check=True)
    dirty = [p.name for p in notebooks() if p.read_text() != (copy/'nbs'/p.name).read_text()]
    assert not dirty, f'run nbdev_clean: {dirty}'
