"""Rebuilds of one table, disturbed or not, for the scripts beside this file"""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from emotiw.core import share_synthetic

ROOT = Path(__file__).resolve().parents[2]
EMOTIW, TABLE = str(Path(sys.executable).with_name('emotiw')), 'ding2016_fig4'    # nineteen runs, and no faces
KNOWN = [re.compile(pattern) for pattern in (     # every kind of file that a home may hold, whatever happened to it
    r'features/\w+/[0-9a-f]{2}/(found-)?[0-9a-f]+\.(safetensors|npy|digest)',
    r'runs/[0-9a-f]{32}/[0-9a-f]+\.(json|safetensors)', r'(leaks|modalities)/[0-9a-f]+\.json',
    r'tables/[0-9a-f]{32}', r'dask/.*', r'checkpoints/.*', r'(.*/)?\.partial-.*', r'(.*/)?\.[^/]+\.lock')]
RESULTS = 'features', 'runs', 'leaks', 'modalities', 'predictions', 'synthetic'
SIMULATED = Path(__file__).with_name('simulated')     # a sitecustomize.py for the environment of a command


def environment(home, **simulated):
    "Variables of a command with the home `home`; `simulated`: as in simulated/sitecustomize.py"
    path = os.pathsep.join(filter(None, (str(SIMULATED), os.environ.get('PYTHONPATH'))))
    return os.environ | dict(EMOTIW_HOME=str(home), PYTHONPATH=path, **simulated)

def start(home, reports, workers=2, table=TABLE, corpus='synthetic', scale='tiny', **simulated):
    "The rebuild of one table, in a process group of its own"
    options = f'--scale {scale} --only {table} --seeds 2 --workers {workers}'.split()
    command = [EMOTIW, 'tables', '--corpus', str(corpus), *options, '--reports', str(reports)]
    return subprocess.Popen(command, env=environment(home, **simulated), start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

def csv_of(reports, table=TABLE):
    "The only report's csv of a table, as bytes"
    file, = reports.glob(f'*/{table}.csv')
    return file.read_bytes()

def rebuild(home, reports, workers=2, table=TABLE, corpus='synthetic', scale='tiny', **simulated):
    "Rebuild to the end; the table as bytes"
    p = start(home, reports, workers, table, corpus, scale, **simulated)
    errors = p.communicate(timeout=600)[1]
    assert p.returncode == 0, errors
    return csv_of(reports, table)

def entries(home, kinds='features runs tables leaks modalities'):
    "The files of a home, without the synthetic data sets"
    return [p for kind in kinds.split() for p in (home/kind).rglob('*') if p.is_file()]

def unknown_files(home):
    "Files of no known kind"
    found = [p.relative_to(home).as_posix() for p in home.rglob('*') if p.is_file() and not p.is_symlink()]
    return [name for name in found if not name.startswith('synthetic') and not any(k.fullmatch(name) for k in KNOWN)]

def stored_twice(listing, home):
    "Number of results that commands stored in a home, and those that were stored twice"
    counts = Counter(listing.read_text().splitlines())
    results = [path for path in counts if any(Path(path).is_relative_to(home/kind) for kind in RESULTS)]
    return len(results), [path for path in results if counts[path] > 1]

def reference(folder, scale='tiny'):
    "An undisturbed rebuild in `folder`: its table as bytes, and its seconds"
    share_synthetic(folder/'home')
    begun = time.time()
    return rebuild(folder/'home', folder/'reports', scale=scale), time.time() - begun
