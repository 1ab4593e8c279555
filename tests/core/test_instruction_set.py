"Every way in computes with the same instructions: the process that imports emotiw, its workers, its notebook kernels"
import json
import os
import subprocess
import sys
import pytest
from emotiw.instruction_set import AVX512_SETTINGS, SETTINGS, _has_avx2

SCRIPT = '''
import emotiw
import json
import os
import sys
from pathlib import Path
import nbformat
from emotiw.experiments.cluster import local_cluster
from emotiw.reporting.build import execute

PROBE = """
import numpy, scipy.linalg, torch
from threadpoolctl import threadpool_info
from emotiw.instruction_set import instruction_set
blas = [library for library in threadpool_info() if library['internal_api'] == 'openblas']
used = dict(path=instruction_set(), torch=torch.backends.cpu.get_cpu_capability(),
            openblas=sorted({library['architecture'] for library in blas}),
            threads=sorted({library['num_threads'] for library in blas}), mkl=os.environ.get('MKL_CBWR'))
"""

def probe():
    scope = dict(os=os)
    exec(PROBE, scope)
    return scope['used']

if __name__ == '__main__':
    folder = Path(sys.argv[1])
    cells = [nbformat.v4.new_code_cell(f"out = ''", metadata=dict(tags=['parameters'])),
             nbformat.v4.new_code_cell(f"import json, os\\n{PROBE}\\nopen(out, 'w').write(json.dumps(used))")]
    kernel = dict(kernelspec=dict(name='python3', display_name='python3', language='python'))
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder/'probe.ipynb')
    execute(folder/'probe.ipynb', folder/'executed.ipynb', {}, out=str(folder/'kernel.json'))
    with local_cluster(1) as client: worker, = client.run(probe).values()
    print(json.dumps(dict(here=probe(), worker=worker, kernel=json.loads((folder/'kernel.json').read_text()))))
'''


def ways_in(folder, **variables):
    "What numpy, scipy and torch use in a process that imports emotiw first, in its worker and in its kernel"
    ours = {*SETTINGS, *AVX512_SETTINGS, 'EMOTIW_NATIVE', 'OMP_NUM_THREADS'}
    env = {k: v for k, v in os.environ.items() if k not in ours} | dict(EMOTIW_HOME=str(folder), **variables)
    (folder/'script.py').write_text(SCRIPT)
    command = [sys.executable, folder/'script.py', folder]
    out = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert out.returncode == 0, out.stderr
    return json.loads(out.stdout.splitlines()[-1])


@pytest.mark.skipif(not _has_avx2(), reason='skipped: this processor has no AVX2')
def test_every_way_in_is_fixed(tmp_path):
    fixed = dict(path='AVX2', torch='AVX2', openblas=['Haswell'], threads=[1], mkl='COMPATIBLE')
    assert ways_in(tmp_path) == dict.fromkeys(('here', 'worker', 'kernel'), fixed)


def test_native_is_native_everywhere(tmp_path):
    used = ways_in(tmp_path, EMOTIW_NATIVE='1')
    assert len(used) == 3
    for libraries in used.values(): assert (libraries['path'].partition(':')[0], libraries['mkl']) == ('native', None)
