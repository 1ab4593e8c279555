"""The checks of `make test`, fastest first, each with its time; the last line is pytest's: python tools/check.py"""
import emotiw  # noqa: F401 (first: its variables for the instruction set pass to every step)
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

root = Path(__file__).resolve().parents[1]
bin = Path(sys.executable).parent
STEPS = [  # what is checked, the command, its time limit in seconds, is its output shown while it runs
    ('the package equals the notebooks', 'pytest -q tests/project/test_sync.py -k exported', 120, False),
    ('the notebooks are clean', 'pytest -q tests/project/test_sync.py -k clean', 120, False),
    ('ruff: notebooks, package, tests, tools', 'ruff check --quiet .', 120, False),
    ('the synthetic corpus and images of the tests', 'python tools/synthetic.py', 300, False),
    # without the papers' tables: tests/tables/test_witness.py runs all of them
    ('the notebooks run: nbdev_test', 'nbdev_test --n_workers 2 --skip_file_re ^([_.]|ding|lu|zhou)', 1800, True),
]
PYTEST = 'pytest -q -rs -n 2 --dist loadfile --no-loadscope-reorder'   # -rs: every skipped test with its reason


def run(command, seconds, shown, env):
    "Output (unless `shown`) and exit code of `command`; all processes that it started end with it"
    script, *args = command.split()
    pipes = {} if shown else dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    p = subprocess.Popen([bin/script, *args], cwd=root, env=env, start_new_session=True, **pipes)
    try: return p.communicate(timeout=seconds)[0] or '', p.returncode
    except subprocess.TimeoutExpired: return f'stopped: not finished after {seconds} s', 1
    finally:
        with suppress(ProcessLookupError, PermissionError): os.killpg(p.pid, signal.SIGKILL)


def check(env):
    "Run all steps until one fails; the exit code"
    for what, command, seconds, shown in STEPS:
        print(f'== {what}', flush=True)
        start = time.time()
        output, code = run(command, seconds, shown, env)
        if code:
            print(f'{output}\nfailed: {what} ({command})', flush=True)
            return code
        print(f'   {time.time() - start:.0f} s', flush=True)
    print('== pytest', flush=True)
    return run(PYTEST, 1800, True, env)[1]


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix='emotiw-test-') as home:
        path = f'{bin}{os.pathsep}{os.environ["PATH"]}'
        # numba keeps what it compiled for librosa in .venv: from there the checks crashed when they ran again
        env = os.environ | dict(PATH=path, EMOTIW_HOME=home, OMP_NUM_THREADS='1', NUMBA_CACHE_DIR=f'{home}/numba')
        try: code = check(env)
        except KeyboardInterrupt: code = 130
    sys.exit(code)
