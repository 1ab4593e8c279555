"No file can make this package run code, and what listens here listens to this machine alone"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import ast
import psutil
import pytest
from emotiw.core import temporary_home
from emotiw.experiments.cluster import local_cluster
from repository import cells, code, files, notebooks, root

MODULES = {'pickle', 'cPickle', 'cloudpickle', 'dill', 'joblib', 'marshal', 'shelve', 'yaml', 'telnetlib', 'ftplib'}
HARMLESS = {'pickle.UnpicklingError'}                # the error, of which tests and messages may speak
CALLS = {'eval', 'exec', 'compile', '__import__', 'os.system', 'os.popen', 'pd.read_pickle', 'pandas.read_pickle',
         'torch.hub.load', 'torch.package.PackageImporter', 'ssl._create_unverified_context', 'tempfile.mktemp'}
METHODS = {'extractall', 'unpack_archive', 'read_pickle', 'load_from_checkpoint'}   # of anything
EXCEPTIONS = {                                      # in a file -> what, and why
    'cost_estimate': {'exec', 'compile'},            # runs the cells of this repository's own table notebooks
    '04_image_readers': {'pickle'},                  # an example sends its data set to another process
    '01_weights': {'pickle'},                        # its examples write pickles, to show that they are refused
    '08_onnx_export': {'exec'},                      # its example runs the program that it wrote
    'scaling': {'pickle'}}                           # measures the bytes of a message of dask
SAYS = dict(shell=False, verify=True, allow_pickle=False)   # keyword -> the only value that it may have


def full_name(node):
    "'np.load' of that expression; '' of one that is no plain name"
    if isinstance(node, ast.Name): return node.id
    if isinstance(node, ast.Attribute) and (base := full_name(node.value)): return f'{base}.{node.attr}'
    return ''


def keyword_values(call):
    "Constant values of the keywords of a call"
    return {k.arg: k.value.value if isinstance(k.value, ast.Constant) else k.value for k in call.keywords}


def reads_a_pickle(call):
    "Does a call read a checkpoint without weights_only=True?"
    names = keyword_values(call)
    return ((full_name(call.func) == 'torch.load' or 'ckpt_path' in names) and names.get('weights_only') is not True)


def call_error(call):
    "What is unsafe about a call; '' if nothing is"
    values, runs_what_it_reads = keyword_values(call), getattr(call.func, 'attr', '') in METHODS
    if full_name(call.func) in CALLS or runs_what_it_reads: return ast.unparse(call.func)
    if reads_a_pickle(call): return f'{ast.unparse(call)}: weights_only=True is missing'
    return ', '.join(f'{k}={values[k]}' for k, v in SAYS.items() if k in values and values[k] is not v)


def import_error(node):
    "The import of a module that runs what it reads; '' if there is none"
    if isinstance(node, ast.Import): names = [a.name for a in node.names]
    else: names = [f'{node.module}.{a.name}' for a in node.names]
    return ', '.join(n for n in names if n.partition('.')[0] in MODULES and n not in HARMLESS)


def unsafe(text):
    "Every unsafe line of Python code"
    for node in ast.walk(ast.parse(text)):
        error = ''
        if isinstance(node, ast.Import | ast.ImportFrom): error = import_error(node)
        if isinstance(node, ast.Call): error = call_error(node)
        if error: yield f'line {node.lineno}: {error}'


@pytest.mark.parametrize('line', [
    'import pickle', 'import pickle as p', 'from pickle import load', 'import joblib.numpy_pickle', 'eval("1")',
    'torch.load(p)', 'torch.load(p, weights_only=False)', 'torch.load(p, weights_only=flag)', 'fit(ckpt_path=p)',
    'np.load(p, allow_pickle=True)', 'pd.read_pickle(p)', 'df.read_pickle(p)', 'run("ls", shell=True)',
    'zip.extractall(d)', 'get(url, verify=False)', 'Net.load_from_checkpoint(p)'])
def test_what_is_unsafe(line):
    assert len(list(unsafe(line))) == 1


@pytest.mark.parametrize('line', [
    'from pickle import UnpicklingError', 'torch.load(p, weights_only=True)', 'dict(ckpt_path=p, weights_only=True)',
    'np.load(p)', 'np.load(p, allow_pickle=False)', 'subprocess.run(["ls"])', 'net.eval()', 're.compile("x")'])
def test_what_is_safe(line):
    assert not list(unsafe(line))


ALL = [p for p in files() if p.suffix == '.py' and p.relative_to(root).parts[0] in ('emotiw', 'tools')]


def unsafe_in(path, texts):
    "Every unsafe line of a file, without its exceptions"
    known = EXCEPTIONS.get(path.stem, EXCEPTIONS.get(path.stem[3:], set()))
    return [error for text in texts for error in unsafe(text) if error.partition(': ')[2] not in known]


@pytest.mark.parametrize('path', ALL, ids=lambda p: p.relative_to(root).as_posix())
def test_modules_run_nothing_that_they_read(path):
    assert not unsafe_in(path, [path.read_text()])


@pytest.mark.parametrize('path', notebooks(), ids=lambda p: p.relative_to(root).as_posix())
def test_notebooks_run_nothing_that_they_read(path):
    assert not unsafe_in(path, map(code, cells(path)))


def listening(process):
    "Addresses at which a process and all that it started listen"
    return {c.laddr.ip for p in (process, *process.children(recursive=True)) for c in p.net_connections()
            if c.status == psutil.CONN_LISTEN}


def test_a_local_cluster_listens_on_loopback_alone():
    before = listening(psutil.Process())
    with temporary_home(), local_cluster(1) as client:
        assert len(client.scheduler_info()['workers']) == 1
        assert listening(psutil.Process()) - before <= {'127.0.0.1', '::1'}
