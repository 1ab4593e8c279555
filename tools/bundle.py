"""Train the model that comes with the package, write its page and its hash in weights.toml:
python tools/bundle.py CORPUS VOICES IMAGES"""
import re
import shutil
import sys
import tempfile
from pathlib import Path
from emotiw.data.weight_files import file_sha256
from emotiw.experiments.cluster import local_cluster
from emotiw.reporting.build import execute, notebook_page
from emotiw.reporting.html import write_static

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK, REPORT = ROOT/'nbs/studies/train_bundled_model.ipynb', ROOT/'reports/bundled'
MODEL, REGISTRY = ROOT/'emotiw/emotiw-small.safetensors', ROOT/'emotiw/weights.toml'


def train(corpus, voices, images):
    "Run the notebook; keep its tables and the model's file"
    names = dict(corpus='/'.join(corpus.parts[-2:]), voices='/'.join(voices.parts[-2:]), images=images.name)
    with local_cluster() as client, tempfile.TemporaryDirectory() as out:
        local = dict(corpus=str(corpus), voices=str(voices), images=str(images))
        local |= dict(out=out, cluster=client.scheduler.address)
        execute(NOTEBOOK, REPORT/'bundled.ipynb', names | dict(scale='full'), **local)
        for p in Path(out).glob('*.csv'): shutil.copy(p, REPORT)
        shutil.copy(Path(out)/MODEL.name, MODEL)


def page():
    "The card as a page"
    write_static(REPORT)
    notebook_page(REPORT/'bundled.ipynb', REPORT/'index.html', title='emotiw-small', breadcrumbs=())


def register():
    "Write the file's hash into every entry that names the file"
    entry = rf'(path = "package:emotiw/{re.escape(MODEL.name)}"\nsha256 = ")[0-9a-f]+'
    text, n = re.subn(entry, rf'\g<1>{file_sha256(MODEL)}', REGISTRY.read_text())
    assert n == 2, f'{REGISTRY}: {n} entries name {MODEL.name}; they should be emotiw-small and emotiw-faces'
    REGISTRY.write_text(text)


if __name__ == '__main__':
    train(*(Path(p).resolve() for p in sys.argv[1:]))
    page()
    register()
