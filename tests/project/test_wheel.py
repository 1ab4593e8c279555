"What is installed from a wheel is whole: code, registries, style sheet, table notebooks"
import subprocess
import sys
import zipfile
from repository import files, root


def test_wheel_holds_tables_and_weights(tmp_path):
    options = ['-q', '--no-deps', '--no-build-isolation', '-w', tmp_path]
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', *options, root], check=True, capture_output=True)
    wheel, = tmp_path.glob('*.whl')
    site = tmp_path/'site'
    zipfile.ZipFile(wheel).extractall(site)
    package = [p for p in files() if p.is_relative_to(root/'emotiw')]
    missing = [p.relative_to(root).as_posix() for p in package if not (site/p.relative_to(root)).exists()]
    assert len(package) > 80 and not missing, f'not in the wheel: {missing}; name packages and data in pyproject.toml'
    assert (site/'emotiw/tables/summary.ipynb').exists()
    code = 'from emotiw.reporting.build import table_notebooks; print(*table_notebooks())'
    options = dict(cwd=tmp_path, env=dict(PYTHONPATH=str(site), PATH='/usr/bin'), check=True)
    listed = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, **options)
    assert listed.stdout.split() == [p.stem for p in sorted((root/'nbs/tables').glob('*_*.ipynb'))]
