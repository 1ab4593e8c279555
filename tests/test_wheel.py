"What is installed from a wheel is whole: code, registries, style sheet, table notebooks"
import subprocess, sys, zipfile
from repository import root

def test_wheel_holds_tables_and_weights(tmp_path):
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation', '-w', tmp_path, root], check=True, capture_output=True)
    wheel, = tmp_path.glob('*.whl')
    site = tmp_path/'site'
    zipfile.ZipFile(wheel).extractall(site)
    for part in 'weights.toml', 'emotiw-small.safetensors', 'sources.toml', 'static/style.css', 'static/page.js', 'tables/90_summary.ipynb': assert (site/'emotiw'/part).exists(), part
    code = 'from emotiw.rebuild import notebooks; print(*notebooks())'
    listed = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, env=dict(PYTHONPATH=str(site), PATH='/usr/bin'), check=True, capture_output=True, text=True)
    assert listed.stdout.split() == [p.stem.partition('_')[2] for p in sorted((root/'nbs').glob('[567]?_*.ipynb'))]
