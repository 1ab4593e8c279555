"The files of this repository, for the tests that read them"
import json
import subprocess
from pathlib import Path

root = Path(__file__).resolve().parents[1]


def files():
    "Every file that belongs to the repository: what git knows or would add; without a clone, what is not hidden"
    command = ['git', '-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
    git = subprocess.run(command, capture_output=True, text=True)
    if git.returncode:
        found = [p for p in root.rglob('*') if not any(n.startswith(('.', '__')) for n in p.relative_to(root).parts)]
    else: found = [root/name for name in git.stdout.split('\0') if name]
    return sorted(p for p in found if p.is_file())


def notebooks():
    "Paths of the source notebooks, in reading order, which is path order"
    return [p for p in files() if p.is_relative_to(root/'nbs') and p.suffix == '.ipynb']


def library():
    "Paths of the notebooks that export modules: those in folders with a digit"
    return [p for p in notebooks() if p.parent.name[0].isdigit()]


def modules():
    "Paths of the exported modules"
    return [p for p in files() if p.is_relative_to(root/'emotiw') and p.suffix == '.py' and not p.name.startswith('_')]


def cells(path, kind='code'):
    "The cells of one kind of the notebook at `path`"
    return [c for c in json.loads(path.read_text())['cells'] if c['cell_type'] == kind]


def source(cell):
    "The text of `cell`"
    return ''.join(cell['source'])


def code(cell):
    "The code of `cell` without shell and magic lines"
    return '\n'.join(line for line in source(cell).splitlines() if not line.lstrip().startswith(('!', '%')))
