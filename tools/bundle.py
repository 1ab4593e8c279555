"""Make the model that comes with the package anew, its page and its entry in weights.toml: python tools/bundle.py CORPUS IMAGES"""
import re
import shutil
import sys
import tempfile
from pathlib import Path
import nbformat
from emotiw.experiments.cluster import local_cluster
from emotiw.models.weights import _sha256
from emotiw.reporting.build import execute
from emotiw.reporting.html import write_page, write_static
from emotiw.reporting.notebook_html import notebook_html

ROOT = Path(__file__).resolve().parents[1]
REPORT, MODEL, REGISTRY = ROOT/'reports/bundled', ROOT/'emotiw/emotiw-small.safetensors', ROOT/'emotiw/weights.toml'

def train(corpus, images):
    "Run studies/train_bundled_model; the model's file"
    told = dict(corpus='/'.join(corpus.parts[-2:]), images=images.name, scale='full')
    with local_cluster() as client, tempfile.TemporaryDirectory() as made:
        execute(ROOT/'nbs/studies/train_bundled_model.ipynb', REPORT/'bundled.ipynb', told, corpus=str(corpus), images=str(images), out=made, cluster=client.scheduler.address)
        for p in Path(made).glob('*.csv'): shutil.copy(p, REPORT)
        shutil.copy(Path(made)/MODEL.name, MODEL)

def page():
    "The card as a page"
    body = notebook_html(nbformat.read(REPORT/'bundled.ipynb', 4))
    title, _, rest = body.partition('</h1>')
    write_static(REPORT)
    write_page(REPORT/'index.html', 'emotiw-small', f'{title}</h1>\n<p class="soft"><a href="bundled.csv">csv</a> <a href="bundled.ipynb">notebook</a> <label><input type="checkbox" id="code"> show the code</label></p>{rest}')

def register():
    "Write the file's hash into its entry"
    text, n = re.subn(r'(\[emotiw-small\][^\[]*?sha256 = ")[0-9a-f]+', rf'\g<1>{_sha256(MODEL)}', REGISTRY.read_text())
    assert n == 1, f'{REGISTRY} has no entry emotiw-small'
    REGISTRY.write_text(text)

if __name__ == '__main__':
    train(*(Path(p).resolve() for p in sys.argv[1:]))
    page()
    register()
