"requirements.lock, environment.yml, pyproject.toml and settings.ini say the same"
import configparser
import re
import sys
import tomllib
import pytest
import yaml
from repository import root

sys.path.insert(0, str(root/'tools'))
import pins

lock = (root/'requirements.lock').read_text()
pyproject = tomllib.loads((root/'pyproject.toml').read_text())
environment = yaml.safe_load((root/'environment.yml').read_text())['dependencies']
CONDA_NAMES = {'dlib': 'dlib-bin', 'matplotlib-base': 'matplotlib'}  # conda-forge's name -> PyPI's

def environment_pins():
    "Name on PyPI -> version in environment.yml"
    conda = dict(line.split('=') for line in environment if isinstance(line, str) and '=' in line)
    pypi = dict(line.split('==') for group in environment if isinstance(group, dict) for line in group['pip'])
    return {CONDA_NAMES.get(n, n): v for n, v in conda.items() if n != 'python'} | pypi

def test_environment_and_lock_agree():
    locked = pins.versions(lock)
    without_post = {n: re.sub(r'\.post\d+$', '', v) for n, v in locked.items()}
    differing = {n: (v, locked.get(n)) for n, v in environment_pins().items() if v != without_post.get(n, '')}
    assert not differing, f'run make lock: {differing} (environment.yml, requirements.lock)'

def test_direct_dependencies_are_pinned_everywhere():
    direct = set(pins.direct(pyproject))
    assert direct == set(environment_pins())
    for python in (3, 11), (3, 12), (3, 13): assert direct <= set(pins.versions(lock, python))

def test_one_version_for_each_python():
    for python in (3, 11), (3, 12), (3, 13):
        entries = re.findall(pins.PIN, lock, re.M)
        names = [pins.name(n) for n, _, marker in entries if pins.applies(marker, python)]
        assert len(names) == len(set(names)), python

def test_lock_meets_pyproject():
    from packaging.requirements import Requirement
    project = pyproject['project']
    for line in (*project['dependencies'], *project['optional-dependencies']['dev']):
        for python in (3, 11), (3, 12), (3, 13):
            assert pins.versions(lock, python)[pins.name(line)] in Requirement(line).specifier, line

def test_every_locked_file_has_a_hash():
    entries = re.split(r'\n(?=[a-zA-Z0-9])', lock.strip())
    assert len(entries) > 100
    for entry in entries:
        assert re.match(pins.PIN, entry, re.M) and '--hash=sha256:' in entry, entry.splitlines()[0]

@pytest.mark.parametrize('name,version', [('torch', '2.13.0')])
def test_broken_versions_are_not_locked(name, version):
    locked = re.search(rf'^{name}=={re.escape(version)}\b', lock, re.M)
    assert not locked, f'{name} {version}: its CPU build breaks torchvision'

def test_environment_asks_for_a_python_that_is_supported():
    assert 'python=3.11' in environment and '3.11' in pyproject['project']['requires-python']

def test_version_is_the_same_everywhere():
    settings = configparser.ConfigParser()
    settings.read(root/'settings.ini')
    version = settings['DEFAULT']['version']
    assert f'__version__ = "{version}"' in (root/'emotiw'/'__init__.py').read_text()
    assert yaml.safe_load((root/'CITATION.cff').read_text())['version'] == version
    assert f'## {version}' in (root/'CHANGELOG.md').read_text()
