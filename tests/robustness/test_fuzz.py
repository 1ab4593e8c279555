"A hundred damaged inputs of every kind: an answer, or one line that names the input; tools/fuzz.py tries thousands"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import json
import subprocess
import sys
import pytest
from repository import root

N_INPUTS, SEED = 100, 22

@pytest.fixture(scope='module')
def report(tmp_path_factory):
    "The report of a run; its processes are forked, which threads of this process would not survive"
    file = tmp_path_factory.mktemp('fuzz')/'fuzz.json'
    command = [sys.executable, root/'tools'/'fuzz.py', str(N_INPUTS), str(SEED), '--out', file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert file.exists(), done.stderr
    return json.loads(file.read_text())

def test_every_input_is_answered_or_named(report):
    assert not report['faults'], '\n'.join(map(str, report['faults']))
    assert report['all']['tried'] == N_INPUTS

def test_every_kind_and_damage_is_tried(report):
    assert len(report['by_kind']) == 12 and len(report['by_damage']) == 13
    assert all(row['tried'] for row in report['by_kind'].values())
    n_whole = sum(row['answered'] for row in report['by_kind'].values())
    assert n_whole > N_INPUTS/4     # not everything is refused

def test_a_name_of_thousands_of_digits_is_named_by_its_beginning():
    done = subprocess.run([sys.executable, root/'tools'/'fuzz.py', '--only', '1787', '2000', '1'],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "outcome='named'" in done.stdout, done.stdout + done.stderr
