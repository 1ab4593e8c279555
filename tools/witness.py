"""Write the hashes of primitive operations and all tables at scale `tiny`, which tests/tables/test_witness.py compares
with those of another machine: python tools/witness.py [FOLDER]   (default: tests/witness)"""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from emotiw.core import temporary_home
from emotiw.experiments.witness import primitive_hashes
from emotiw.instruction_set import instruction_set
from emotiw.reporting.build import table_notebooks
from emotiw.reproducibility import device_name

COMMITTED = Path(__file__).resolve().parents[1]/'tests/witness'
OPTIONS = '--scale tiny --seeds 2 --workers 2'.split()   # two seeds, so that a row has a standard deviation


def write_tables(folder):
    "Build all tables without stored features and runs; copy their csv files to `folder`, which is replaced"
    command = [Path(sys.executable).with_name('emotiw'), 'tables', *OPTIONS]
    with temporary_home(), tempfile.TemporaryDirectory() as reports:
        subprocess.run([*command, '--reports', reports], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for table in table_notebooks():
            for file in Path(reports, 'synthetic').glob(f'{table}*.csv'): shutil.copy(file, folder)


if __name__ == '__main__':
    folder = Path(*sys.argv[1:2] or [COMMITTED]).resolve()
    if folder == COMMITTED and (instruction_set(), device_name()) != ('AVX2', 'cpu'):
        sys.exit(f'witness: this process computes on {device_name()} with {instruction_set()}, tests/witness holds '
                 'numbers of a CPU with AVX2; unset EMOTIW_NATIVE and hide the GPU')
    write_tables(folder/'tables')
    primitive_hashes().to_csv(folder/'primitives.csv')
