"""Does this machine compute like the one that wrote tests/witness? Hashes of primitives, and all tables at `tiny`

Where all primitives agree, the tables must be equal byte for byte. Where one differs, a warning names it and its
library, and the tables must agree within training noise. After a change of the numbers: python tools/witness.py"""
import csv
import io
import shutil
import subprocess
import sys
import warnings
from itertools import zip_longest
import pandas as pd
import pytest
from emotiw.instruction_set import instruction_set
from emotiw.reporting.build import table_notebooks
from emotiw.reporting.compare import Report, TableSettings, _compare
from emotiw.reproducibility import device_name
from repository import root

COMMITTED = root/'tests/witness'
REMEDY = 'if this change is meant, run python tools/witness.py and commit tests/witness'
SETTINGS = TableSettings('synthetic', None, 'tiny', 'split', 'synthetic', 2)


@pytest.fixture(scope='module')
def computed(tmp_path_factory):
    "The witness of this machine"
    folder = tmp_path_factory.mktemp('witness')
    done = subprocess.run([sys.executable, root/'tools/witness.py', folder], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return folder


@pytest.fixture
def copy(tmp_path):
    "A copy of the committed witness"
    return shutil.copytree(COMMITTED, tmp_path/'copy')


def read_primitives(folder):
    return pd.read_csv(folder/'primitives.csv', index_col='name', dtype=str)


def read_tables(folder):
    "Name of each csv file -> its text"
    return {p.stem: p.read_bytes().decode() for p in sorted(folder.glob('tables/*.csv'))}


def read_table(text):
    return pd.read_csv(io.StringIO(text), index_col=0, dtype=str, keep_default_na=False)


def as_report(folder):
    """Tables as a report. Two trainings with equal accuracies say nothing about training noise: a standard deviation
    of zero is left out, so that the row borrows that of the others"""
    files = {name: read_table(text).replace({'sd': {'0.0000': ''}}).to_csv()
             for name, text in read_tables(folder).items()}
    return Report(folder.name, dict.fromkeys(table_notebooks(), SETTINGS), files)


def differing_primitives(folder):
    "Primitives whose hash is not the committed one, with their libraries"
    committed, computed = read_primitives(COMMITTED), read_primitives(folder)
    assert committed.library.equals(computed.library), f'other primitives than in tests/witness; {REMEDY}'
    return [f'{name} ({computed.library[name]})' for name in committed.index[committed.hash != computed.hash]]


def differing_cells(committed, computed):
    "Row and column of each cell in which two csv texts differ"
    if committed == computed: return
    rows, other_rows = (list(csv.reader(text.splitlines())) for text in (committed, computed))
    if rows == other_rows: yield 'other bytes of equal cells'
    for row, other in zip_longest(rows, other_rows, fillvalue=[]):
        for column, a, b in zip_longest(rows[0], row, other, fillvalue='no cell'):
            if a != b: yield f'row {(row or other)[0]!r}, column {column!r}: {a!r} and {b!r}'


def differences(folder):
    "The csv file, row and column of each cell that differs from the committed one"
    committed, computed = read_tables(COMMITTED), read_tables(folder)
    names = sorted(committed.keys() | computed.keys())
    missing = [f'{name}.csv' for name in names if name not in committed or name not in computed]
    if missing: return [f'not on both sides: {", ".join(missing)}']
    return [f'{name}.csv, {cell}' for name in names for cell in differing_cells(committed[name], computed[name])]


def check(folder):
    "Fail if the witness in `folder` does not agree with the committed one"
    names = differing_primitives(folder)
    if names:
        warnings.warn(f'this machine or its libraries compute otherwise: {", ".join(names)}; '
                      'tables are held to training noise only', stacklevel=2)
        comparison = _compare(as_report(COMMITTED), as_report(folder))
        assert comparison.ok, comparison
    else:
        lines = differences(folder)
        assert not lines, f'all primitives agree, but {len(lines)} cells of the tables do not ({REMEDY}):\n' + \
            '\n'.join(lines[:30])


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def change_hash(folder):
    "Another hash of one primitive"
    edit(folder/'primitives.csv', read_primitives(folder).hash['torch LSTM'], '0'*12)


def test_tables_are_those_committed(computed):
    path, device = instruction_set(), device_name()
    if (path, device) != ('AVX2', 'cpu'):
        pytest.skip(f'skipped: the tables were built, but on {device} with {path}; tests/witness holds numbers of AVX2')
    check(computed)


def test_a_changed_cell_is_named(copy):
    check(copy)
    table = read_table((copy/'tables/zhou2019_table2.csv').read_text())
    table.loc['Self x Self', 'ours'] = '14.2858'
    table.to_csv(copy/'tables/zhou2019_table2.csv')
    named = "zhou2019_table2.csv, row 'Self x Self', column 'ours': '[0-9.]+' and '14.2858'"
    with pytest.raises(AssertionError, match=named): check(copy)
    (copy/'tables/zhou2019_table2.csv').unlink()
    with pytest.raises(AssertionError, match='not on both sides: zhou2019_table2.csv'): check(copy)


def test_a_primitive_that_differs_is_named_and_noise_is_allowed(copy):
    change_hash(copy)
    file = copy/'tables/zhou2019_table2.csv'
    table = read_table(file.read_text())
    table.loc['Self x Self', 'ours'] = '21.4286'
    table.to_csv(file)
    with pytest.warns(UserWarning, match=r'otherwise: torch LSTM \(torch \(oneDNN, MKL\)\); '): check(copy)
    table.drop('Self x Self').to_csv(file)
    with pytest.warns(UserWarning), pytest.raises(AssertionError, match='zhou2019_table2, Self x Self: only in A'):
        check(copy)


def test_other_primitives_need_another_witness(copy):
    edit(copy/'primitives.csv', 'torch LSTM', 'torch GRU')
    with pytest.raises(AssertionError, match='other primitives'): check(copy)
