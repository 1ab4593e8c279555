"A cluster that would compute something else than the command is refused in one line; one that is the same computes"
import emotiw  # first: it fixes the instruction set before numpy is loaded
from emotiw import cli
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
import pytest
from emotiw.core import UserError
from emotiw.experiments import cluster
from emotiw.experiments.cluster import connect
from emotiw.instruction_set import AVX512_SETTINGS, SETTINGS

PACKAGE = Path(emotiw.__file__).parent
EMOTIW_WORKER = 'emotiw.cli', 'worker'
DASK_WORKER = 'distributed.cli.dask_worker', '--no-nanny'


@contextmanager
def process(*command, **variables):
    "A process of a module's command line on another machine: it inherits no instruction set, but has `variables`"
    words = [sys.executable, '-P', '-m', *map(str, command)]   # -P: the working directory is not searched for emotiw
    inherited = {name: value for name, value in os.environ.items() if name not in SETTINGS | AVX512_SETTINGS}
    with subprocess.Popen(words, env=inherited | variables, stderr=subprocess.DEVNULL) as p:
        try: yield
        finally: p.terminate()

@contextmanager
def scheduler(folder, **variables):
    "The address of a scheduler on this machine"
    file = folder/'scheduler.json'
    options = '--host', '127.0.0.1', '--port', 0, '--dashboard-address', '127.0.0.1:0', '--scheduler-file', file
    with process('distributed.cli.dask_scheduler', *options, **variables):
        while not file.exists(): time.sleep(.1)
        yield json.loads(file.read_text())['address']

@contextmanager
def worker(address, *command, **variables):
    "A worker of the scheduler at `address`, which has arrived; `command` starts it"
    from distributed import Client
    with Client(address) as client, process(*command, address, '--no-dashboard', **variables):
        client.wait_for_workers(1, timeout=60)
        yield

def refusal(address):
    "The message that `connect` refuses the cluster with"
    with pytest.raises(UserError) as e: connect(address)
    assert '\n' not in str(e.value)
    return str(e.value)

def other_version(folder):
    "A PYTHONPATH with a changed copy of this package"
    shutil.copytree(PACKAGE, folder/'emotiw', ignore=shutil.ignore_patterns('*.safetensors', '__pycache__'))
    with open(folder/'emotiw'/'metrics.py', 'a') as f: f.write('\nCHANGED = 1\n')
    return str(folder)

def no_emotiw(folder):
    "A PYTHONPATH where emotiw cannot be imported"
    (folder/'emotiw').mkdir()
    (folder/'emotiw'/'__init__.py').write_text('''raise ModuleNotFoundError("No module named 'emotiw'")''')
    return str(folder)

@pytest.fixture(scope='module')
def home(tmp_path_factory):
    "The EMOTIW_HOME that the command and its workers share"
    folder = tmp_path_factory.mktemp('home')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('EMOTIW_HOME', str(folder))
        yield folder

@pytest.fixture(scope='module')
def address(home):
    with scheduler(home) as address: yield address


@pytest.mark.parametrize('command', ['tables --reports {}/reports', 'submit --corpus synthetic --out {}/out'])
@pytest.mark.parametrize('words, expected', [
    ('--cluster nowhere', "'nowhere': no address of a dask scheduler"),
    ('--cluster 127.0.0.1:1', '127.0.0.1:1: no dask scheduler answers'),
    ('--cluster slurm', 'with --workers N')])
def test_bad_cluster_is_refused_before_anything_is_computed(command, words, expected, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cluster, 'CONNECT_SECONDS', .5)
    monkeypatch.setenv('EMOTIW_HOME', str(tmp_path))
    monkeypatch.setattr(sys, 'argv', ['emotiw', *command.format(tmp_path).split(), *words.split()])
    with pytest.raises(SystemExit) as e: cli.main()
    line, = [line for line in capsys.readouterr().err.splitlines() if line.startswith('emotiw: ')]
    assert e.value.code == 1 and expected in line, line
    assert not list(tmp_path.iterdir())

def test_scheduler_without_workers(address, monkeypatch):
    monkeypatch.setattr(cluster, 'CONNECT_SECONDS', 5)
    with pytest.raises(UserError, match='the scheduler has no worker; start some'):
        cluster.require_cluster(address, None)

def test_same_worker_computes(address):
    with worker(address, *EMOTIW_WORKER), connect(address) as client:
        assert client.submit(sum, [1, 2]).result() == 3

def test_another_version_of_emotiw(address, tmp_path):
    with worker(address, *EMOTIW_WORKER, PYTHONPATH=other_version(tmp_path)):
        assert 'worker at tcp://127.0.0.1:' in (message := refusal(address)) and 'is another version' in message

@pytest.mark.parametrize('command, variables, expected', [
    ([*DASK_WORKER, '--nthreads', 2], {}, ' 2 threads, and seeds need one; start it by: emotiw worker'),
    ([*DASK_WORKER, '--nthreads', 1], {}, 'instructions native: '),   # it loads numpy before emotiw
    (EMOTIW_WORKER, dict(EMOTIW_HOME='/elsewhere'), 'its EMOTIW_HOME /elsewhere is not the folder')])
def test_another_worker(address, command, variables, expected):
    with worker(address, *command, **variables):
        assert expected in (message := refusal(address)) and f'worker on {os.uname().nodename}: ' in message, message

def test_scheduler_without_emotiw(home, tmp_path):
    with scheduler(tmp_path, PYTHONPATH=no_emotiw(tmp_path)) as address:
        assert 'scheduler at tcp://127.0.0.1:' in (message := refusal(address)) and "No module named" in message
