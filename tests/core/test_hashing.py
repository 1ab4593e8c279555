"A changed helper three imports away changes the key of a run, of a feature, of a prediction and of a synthetic corpus"
import json
import os
import shutil
import subprocess
import sys
import pytest
from repository import root

# what has a key -> the module whose code computes it; each gets an import of the chain below
MODULES = dict(run='papers/zhou2019', feature='features/extractors', prediction='inference/predict',
               corpus='synthetic/corpus')
CHAIN = dict(first='from .second import value', second='from .third import value', third='value = 1')
KEYS = """
import json, types
from pathlib import Path
from emotiw.experiments.runs import Run
from emotiw.features.extractors import FaceCrops
from emotiw.inference.predict import cache_entry
from emotiw.papers.zhou2019 import train_audiovisual
from emotiw.synthetic.corpus import generate_corpus
from emotiw.synthetic.sampling import generate_once

clip = Path('clip.bin')
data = types.SimpleNamespace(name='toy', fingerprint='abc')
def generate(root): return root
generate.__module__ = generate_corpus.__module__   # stands for `generate_corpus` and generates nothing
print(json.dumps(dict(run=Run(train_audiovisual, None, data).key, feature=FaceCrops().key(clip),
                      prediction=cache_entry(clip).name, corpus=generate_once('corpus', generate, {}).name)))
"""


@pytest.fixture
def package(tmp_path):
    "A folder with a copy of the package in which each of `MODULES` reaches a helper three imports away"
    shutil.copytree(root/'emotiw', tmp_path/'emotiw', ignore=shutil.ignore_patterns('__pycache__'))
    for name, text in CHAIN.items(): (tmp_path/f'emotiw/{name}.py').write_text(text)
    for module in MODULES.values():
        path = tmp_path/f'emotiw/{module}.py'
        path.write_text(path.read_text() + '\nfrom ..first import value\n')
    (tmp_path/'clip.bin').write_bytes(b'12345')
    return tmp_path


def keys(folder):
    "Name in `MODULES` -> key, computed by a fresh process with the package in `folder`"
    env = os.environ | dict(PYTHONPATH=str(folder), EMOTIW_HOME=str(folder/'home'))
    done = subprocess.run([sys.executable, '-c', KEYS], cwd=folder, env=env, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def test_helper_three_imports_away(package):
    before = keys(package)
    (package/'emotiw/third.py').write_text('"A comment changes no number"\nvalue = 1   # nor does this')
    assert keys(package) == before
    (package/'emotiw/third.py').write_text('value = 2')
    after = keys(package)
    assert set(before) == set(MODULES) and not [name for name in before if before[name] == after[name]]
