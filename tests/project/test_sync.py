"The package is what the notebooks export, and the notebooks are clean"
import shutil
import subprocess
import sys
from pathlib import Path
import pytest
from repository import notebooks, root


@pytest.fixture
def copy(tmp_path):
    "A copy of what nbdev reads and writes"
    ignore = shutil.ignore_patterns('.*', '__pycache__')
    for folder in 'nbs', 'emotiw': shutil.copytree(root/folder, tmp_path/folder, ignore=ignore)
    for file in 'settings.ini', 'pyproject.toml': shutil.copy(root/file, tmp_path)
    return tmp_path


def package(parent):
    "Path of a module below `parent` -> its text"
    return {p.relative_to(parent).as_posix(): p.read_text() for p in sorted((parent/'emotiw').rglob('*.py'))}


def test_package_is_exported(copy):
    by_hand = copy/'emotiw/__init__.py'   # it fixes the instruction set; nbdev keeps all but its version
    for p in (copy/'emotiw').rglob('*.py'):
        if p != by_hand: p.unlink()
    subprocess.run([Path(sys.executable).with_name('nbdev_export')], cwd=copy, check=True)
    exported, committed = package(copy), package(root)
    assert sorted(exported) == sorted(committed), 'a module without its notebook, or a notebook not exported'
    stale = [name for name in exported if exported[name] != committed[name]]
    assert len(exported) > 70 and not stale, f'run nbdev_export: {stale} differ from their notebooks'


def test_notebooks_are_clean(copy):
    subprocess.run([Path(sys.executable).with_name('nbdev_clean')], cwd=copy, check=True)
    dirty = [p.name for p in notebooks() if p.read_text() != (copy/p.relative_to(root)).read_text()]
    assert len(notebooks()) > 80 and not dirty, f'run nbdev_clean: {dirty}'
