"What is installed from a wheel is whole: code, registries, style sheet, table notebooks"
import subprocess
import sys
import zipfile
from repository import modules, root


def test_wheel_holds_tables_and_weights(tmp_path):
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation', '-w', tmp_path, root], check=True, capture_output=True)
    wheel, = tmp_path.glob('*.whl')
    site = tmp_path/'site'
    zipfile.ZipFile(wheel).extractall(site)
    for part in 'weights.toml', 'emotiw-small.safetensors', 'reporting/sources.toml', 'reporting/static/style.css', 'tables/summary.ipynb':
        assert (site/'emotiw'/part).exists(), part
    missing = [p for p in modules() if not (site/p.relative_to(root)).exists()]
    assert not missing, f'not in the wheel: {missing}; name their package in pyproject.toml'
    code = 'from emotiw.reporting.build import notebooks; print(*notebooks())'
    listed = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, env=dict(PYTHONPATH=str(site), PATH='/usr/bin'), check=True, capture_output=True, text=True)
    assert listed.stdout.split() == [p.stem for p in sorted((root/'nbs/tables').glob('*_*.ipynb'))]
