"The measurements of memory and time, and the table that is made of them; tools/bounds.py makes them"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import importlib.util
import sys
import pytest
from repository import root


def tool(name):
    "The script `name` of tools/ as a module"
    spec = importlib.util.spec_from_file_location(f'tools_{name}', root/'tools'/f'{name}.py')
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

@pytest.fixture(scope='module')
def bounds(): return tool('bounds')

def test_memory_of_a_command_and_what_it_started_is_measured(bounds, tmp_path):
    start = 'import subprocess, sys; subprocess.run([sys.executable, "-c", sys.argv[1]])'
    child = 'import time; x = bytearray(150*2**20); time.sleep(.5); print("a line")'
    code, seconds, peak = bounds.run([sys.executable, '-c', start, child], tmp_path, tmp_path/'output')
    assert (code, (tmp_path/'output').read_text()) == (0, 'a line\n')
    assert seconds > .5 and 150 < peak/bounds.MIB < 400

def test_every_command_grows_by_its_sizes(bounds):
    assert all(list(case.sizes) == sorted(set(case.sizes)) and len(case.sizes) > 1 for case in bounds.CASES)
    case = next(c for c in bounds.CASES if c.command == 'unpack')
    measurement, = bounds.measure(case, 100)
    assert (measurement.size, measurement.code, measurement.lines) == (100, 0, 1)

def test_a_traceback_ends_the_measurements(bounds):
    fails = bounds.Case('fails', 'units', (1, 2), lambda folder, n: [sys.executable, '-c', '1/0'])
    with pytest.raises(SystemExit, match='(?s)fails, 1: Traceback'): list(bounds.measure(fails, 1))

def test_growth_per_unit(bounds):
    row = dict(command='a', unit='clips', code=0, lines=1, output=.1)
    rows = [row | dict(size=n, seconds=s, peak=p) for n, s, p in ((10, 1., 100), (110, 2., 200), (1110, 2., 200))]
    table = tool('robustness_page').bounds_table([rows[0], rows[0] | dict(command='b'), *rows[1:]])
    assert table['KiB per unit'].fillna(-1).tolist() == [-1, 1024, 0, -1]
    assert table['ms per unit'].fillna(-1).tolist() == [-1, 10, 0, -1]
    assert table['size'].tolist() == ['10 clips', '110 clips', '1,110 clips', '10 clips']
