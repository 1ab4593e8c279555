"A cluster that would compute something else than the command is refused in one line; one that is the same computes"
import emotiw  # first: it fixes the instruction set before numpy is loaded
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
from emotiw.experiments.cluster import connect

PACKAGE = Path(emotiw.__file__).parent


@contextmanager
def process(*command, **variables):
    "A process of dask's command line, with changed environment variables, during a block"
    words = [sys.executable, '-P', '-m', *map(str, command)]   # -P: the working directory is not searched for emotiw
    with subprocess.Popen(words, env=os.environ | variables, stderr=subprocess.DEVNULL) as p:
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
def worker(address, *options, **variables):
    "A worker of the scheduler at `address`, which has arrived"
    from distributed import Client
    command = 'distributed.cli.dask_worker', address, '--no-nanny', '--no-dashboard', '--preload', 'emotiw', *options
    with Client(address) as client, process(*command, **variables):
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


def test_same_worker_computes(address):
    with worker(address, '--nthreads', 1), connect(address) as client:
        assert client.submit(sum, [1, 2]).result() == 3

def test_another_version_of_emotiw(address, tmp_path):
    with worker(address, '--nthreads', 1, PYTHONPATH=other_version(tmp_path)):
        assert 'worker at tcp://127.0.0.1:' in (message := refusal(address)) and 'is another version' in message

@pytest.mark.parametrize('options, variables, expected', [
    (['--nthreads', 2], {}, 'it has 2 threads; start it with --nthreads 1'),
    (['--nthreads', 1], dict(EMOTIW_NATIVE='1'), 'its instructions is native'),
    (['--nthreads', 1], dict(EMOTIW_HOME='/elsewhere'), 'its EMOTIW_HOME /elsewhere is not the folder')])
def test_another_worker(address, options, variables, expected):
    with worker(address, *options, **variables):
        assert expected in (message := refusal(address)) and f'worker on {os.uname().nodename}: ' in message, message

def test_scheduler_without_emotiw(home, tmp_path):
    with scheduler(tmp_path, PYTHONPATH=no_emotiw(tmp_path)) as address:
        assert 'scheduler at tcp://127.0.0.1:' in (message := refusal(address)) and "No module named" in message
