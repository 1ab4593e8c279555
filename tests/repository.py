"The files of this repository, for the tests that read them"
import json, re, subprocess
from pathlib import Path

root = Path(__file__).resolve().parents[1]

def files():
    "Every file that belongs to the repository: what git knows or would add; without a clone, what is not hidden"
    git = subprocess.run(['git', '-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], capture_output=True, text=True)
    if git.returncode: found = [p for p in root.rglob('*') if not any(part.startswith(('.', '__')) for part in p.relative_to(root).parts)]
    else: found = [root/name for name in git.stdout.split('\0') if name]
    return sorted(p for p in found if p.is_file())

def notebooks():
    "Paths of the source notebooks, in reading order"
    return sorted(p for p in files() if p.parent == root/'nbs' and p.suffix == '.ipynb')

def modules():
    "Paths of the exported modules"
    return sorted(p for p in files() if p.parent == root/'emotiw' and p.suffix == '.py' and not p.name.startswith('_'))

def number(path):
    "'02a' of nbs/02a_drawn.ipynb; sorted as strings, these are the reading order"
    return re.match(r'\d\d[a-z]?(?=_)', path.name)[0]

def cells(path, kind='code'):
    "The cells of one kind of the notebook at `path`"
    return [c for c in json.loads(path.read_text())['cells'] if c['cell_type'] == kind]

def source(cell):
    "The text of `cell`"
    return ''.join(cell['source'])
