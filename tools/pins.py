"""Write environment.yml from pyproject.toml and requirements.lock: python tools/pins.py"""
import re
import tomllib
from pathlib import Path

root = Path(__file__).resolve().parents[1]
PYTHON = (3, 11)  # the Python that environment.yml asks for; the lock holds other versions for others
# Taken from conda-forge; everything else comes from PyPI, as in the lock: torch and torchvision together, and av with
# the FFmpeg that it carries
SAME_NAME = ('distributed ipykernel ipywidgets jinja2 jupyterlab librosa nbconvert numpy pandas papermill pytest rich '
             'safetensors scikit-learn scipy seaborn setuptools statsmodels tqdm typer')
CONDA = {'dlib-bin': 'dlib', 'matplotlib': 'matplotlib-base'} | {n: n for n in SAME_NAME.split()}
PIN = r'^([\w.-]+)(?:\[.*\])?==([^\s;]+)(.*)$'   # name, version, marker; extras do not count
HEAD = """\
# Written by tools/pins.py (make lock) from requirements.lock: the versions of the direct dependencies.
# Then: pip install --no-deps -e .
name: emotiw
channels:
  - conda-forge
  - nodefaults
dependencies:
"""

def name(requirement):
    "The normal name of the distribution that `requirement` asks for"
    return re.sub(r'[-_.]+', '-', re.match(r'[\w.-]+', requirement)[0]).lower()

def direct(pyproject):
    "Names of the dependencies that `pyproject` (a dict) lists, its extras included, sorted"
    project = pyproject['project']
    lists = project['dependencies'], *project['optional-dependencies'].values()
    return sorted({name(requirement) for requirements in lists for requirement in requirements})

def applies(marker, python):
    "Does `marker` hold for `python`? Only bounds on the Python version count: no direct dependency has other markers"
    bounds = re.findall(r"python_full_version (<|>=) '(\d+)\.(\d+)'", marker)
    return all((python < (int(a), int(b))) == (op == '<') for op, a, b in bounds)

def versions(lock, python=PYTHON):
    "Name -> version in the text of a lock file, for one Python"
    pins = re.findall(PIN, lock, re.M)
    return {name(n): v for n, v, marker in pins if applies(marker, python)}

def conda_version(version):
    "conda-forge numbers a package as its source is numbered: without PyPI's '.post1' of a repacked wheel"
    return re.sub(r'\.post\d+$', '', version)

def environment(names, locked):
    "The text of environment.yml"
    conda = [f'{CONDA[n]}={conda_version(locked[n])}' for n in names if n in CONDA]
    pypi = [f'{n}=={locked[n]}' for n in names if n not in CONDA]
    head = ['python={}.{}'.format(*PYTHON), 'pip', *conda, 'pip:']
    return HEAD + ''.join(f'  - {x}\n' for x in head) + ''.join(f'      - {x}\n' for x in pypi)

if __name__ == '__main__':
    pyproject = tomllib.loads((root/'pyproject.toml').read_text())
    locked = versions((root/'requirements.lock').read_text())
    (root/'environment.yml').write_text(environment(direct(pyproject), locked))
