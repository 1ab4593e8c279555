"""Measure the papers' trainings on this machine's GPU, in under nine minutes; without a GPU at `tiny` on the CPU:
python tools/gpu.py [REPORT]"""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import copy
import gc
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
import pandas as pd
import torch
from emotiw.core import atomic, temporary_home
from emotiw.experiments.training import fit, precision
from emotiw.experiments.workload import RepeatedBatch, count_step, device_peak, measure_throughput, train_steps
from emotiw.features.extractors import FaceCrops
from emotiw.models.deep_features import forget_networks
from emotiw.models.test_time_augmentation import DEFAULT, WIDE, apply_pil, apply_transforms, edge_mask
from emotiw.models.workloads import ClipSize, random_feature
from emotiw.papers.workloads import trainings
from emotiw.reporting.cost_estimate import training_shape
from emotiw.reporting.html import table_html, write_page, write_static
from emotiw.reproducibility import device, device_name, reproducible

ROOT = Path(__file__).resolve().parents[1]
ON_GPU = device() == 'cuda'
SCALE, TABLE_SCALE = ('paper', 'quick') if ON_GPU else ('tiny', 'tiny')
TABLE = 'ding2016_table2'           # rebuilt at TABLE_SCALE: BLSTMs, and no faces
TRAINING_SECONDS = 240              # after which no further training is begun
TABLE_SECONDS = 180                 # after which the table is stopped
EPOCH_SECONDS = .5 if ON_GPU else .05   # at least, of an epoch that is timed


def measured_trainings():
    "One training per paper, training function and network: those that differ in a few sizes are left out"
    found = {}
    for t in trainings(SCALE): found.setdefault((t.paper, t.function, getattr(t.config, 'network', '')), t)
    return list(found.values())


def batch_seconds(workload, batch_size):
    "Seconds to put a batch together, the mean of ten"
    batches = RepeatedBatch(workload, batch_size, 10)
    start = time.perf_counter()
    for _ in batches: pass
    return (time.perf_counter() - start)/10


def clear_memory():
    "Drop networks that shapes of features were taken from, and what torch keeps; count memory anew"
    forget_networks()
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()


def training_row(training, peak):
    "Speed and memory of one training"
    batch_size = training.config.schedule.batch_size
    count = count_step(training.workload(2))
    workload = training.workload(batch_size)
    forecast = training_shape(workload, count).memory(0, batch_size)     # without the data, which stay on the host
    if ON_GPU: clear_memory()
    speed = measure_throughput(workload, batch_size, EPOCH_SECONDS, slow_seconds=30.)
    flops = count.training/speed.example_seconds
    ready = batch_seconds(workload, speed.batch_size)
    return {'batch': batch_size, 'batch that fitted': speed.batch_size, 'examples/s': 1/speed.example_seconds,
            'GFLOP per example': count.training/1e9, 'TFLOP/s': flops/1e12, 'share of peak, %': 100*flops/peak.flops,
            'peak memory, GB': torch.cuda.max_memory_allocated()/1e9 if ON_GPU else float('nan'),
            'forecast, GB': forecast/1e9,
            'batch ready, % of the step': 100*ready/(speed.example_seconds*speed.batch_size)}


def training_table(peak):
    "A row per training, until the time is over"
    rows, end = {}, time.monotonic() + TRAINING_SECONDS
    for training in measured_trainings():
        if time.monotonic() > end: rows[str(training)] = {'batch': 'not measured: out of time'}
        else: rows[str(training)] = training_row(training, peak)
        if ON_GPU: torch.cuda.empty_cache()
    return pd.DataFrame.from_dict(rows, 'index').rename_axis('training')


@torch.inference_mode()
def scores(workload, where):
    "Probabilities of the examples on the device `where`"
    net = copy.deepcopy(workload.net).eval().to(where)
    inputs = tuple(x.to(where) for x in workload.inputs)
    _, z = workload.objective(net, inputs, workload.targets.to(where))
    is_distribution = bool((z >= 0).all()) and torch.allclose(z.sum(1), torch.ones_like(z[:, 0]), atol=1e-3)
    return (z if is_distribution else z.softmax(1)).float().cpu()


def answer_table():
    "Largest difference of a probability between the CPU and this device"
    def difference(training):
        workload = training.workload(2)
        return float((scores(workload, 'cpu') - scores(workload, device())).abs().max())
    torch.backends.cudnn.allow_tf32 = False     # single precision, as on the CPU
    try: rows = {str(t): {'largest difference': difference(t)} for t in measured_trainings()}
    finally: torch.backends.cudnn.allow_tf32 = True
    return pd.DataFrame.from_dict(rows, 'index').rename_axis('training')


def find_training(name):
    "The training whose name ends with `name`"
    return next(t for t in trainings(SCALE) if str(t).endswith(name))


def refuse_batches(net, largest):
    "Without a GPU: the network runs out of memory with more than `largest` examples"
    def check(net, inputs):
        if len(inputs[0]) > largest: raise torch.OutOfMemoryError('CUDA out of memory (simulated)')
    net.register_forward_pre_hook(check)


def limit_memory(workload, batch_size):
    "Leave memory for about three quarters of a batch"
    if not ON_GPU: return refuse_batches(workload.net, batch_size*3//4)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    train_steps(copy.deepcopy(workload), 1)
    batch_bytes = torch.cuda.max_memory_allocated() - workload.state_bytes
    torch.cuda.empty_cache()
    limit = workload.state_bytes + .75*batch_bytes
    torch.cuda.set_per_process_memory_fraction(limit/torch.cuda.get_device_properties(0).total_memory)


def check_halving():
    "A training that does not fit into memory goes on with smaller batches"
    training = find_training('zhou2019: ResNet18')
    batch_size = training.config.schedule.batch_size
    workload = training.workload(batch_size)
    limit_memory(workload, batch_size)
    try: history = train_steps(workload, 1)
    finally:
        if ON_GPU: torch.cuda.set_per_process_memory_fraction(1.)
    smaller = int(history.batch_size.iloc[0])
    return smaller < batch_size, f'{training}: batches of {smaller} instead of {batch_size}'


def check_two_devices():
    "Two processes that train one network give the loss of one"
    if ON_GPU and torch.cuda.device_count() < 2: return None, 'not run: this machine has one GPU'
    training = find_training('BLSTM, structure 1, 88 functionals')
    def final_loss(devices):
        workload = training.workload(8)
        schedule = replace(workload.schedule, epochs=2)
        batches = RepeatedBatch(workload, 8, 2)
        history = fit(workload.net, batches, None, schedule, objective=workload.objective, devices=devices)
        return float(history.loss.iloc[-1])
    one, two = final_loss(1), final_loss(2)
    return abs(one - two) < 1e-2*abs(one), f'{training}: loss {one:.4f} of one process, {two:.4f} of two'


def check_transforms():
    "The 18 transforms of a face agree with PIL within one grey level, away from the edge"
    image = random_feature(FaceCrops(1), ClipSize())['images']
    def largest(transforms):
        by_torch = apply_transforms(torch.from_numpy(image).to(device()), transforms)[0].cpu().numpy().astype(int)
        differences = abs(by_torch - apply_pil(image[0], transforms).astype(int))
        return int(differences[~edge_mask(transforms, image.shape[1])].max())
    found = {name: largest(transforms) for name, transforms in dict(default=DEFAULT, wide=WIDE).items()}
    return max(found.values()) <= 1, ', '.join(f'{name}: {levels} grey levels' for name, levels in found.items())


def check_table():
    "A table is rebuilt from nothing"
    command = [Path(sys.executable).with_name('emotiw'), 'tables', '--scale', TABLE_SCALE, '--only', TABLE]
    start = time.monotonic()
    with temporary_home() as home:
        if not ON_GPU: command += ['--workers', '1']     # starting a second takes longer than the table
        reports = home.path/'reports'
        p = subprocess.run([*command, '--reports', reports], capture_output=True, text=True, timeout=TABLE_SECONDS)
        seconds = time.monotonic() - start
        table = reports/f'synthetic/{TABLE}.csv'
        if p.returncode or not table.exists(): return False, p.stderr.strip().splitlines()[-1]
        return True, f'{TABLE} at {TABLE_SCALE}: {len(pd.read_csv(table))} rows in {seconds:.0f} s'


def check_row(check):
    "Outcome of a check; an error is an outcome, so that the others still run"
    try: passed, text = check()
    except Exception as e: passed, text = False, f'{type(e).__name__}: {e}'.splitlines()[0]
    return {'outcome': {True: 'passed', False: 'failed', None: 'not run'}[passed], 'what was seen': text}


def check_table_of_all():
    "A row per check, named by its first line of documentation"
    checks = check_halving, check_two_devices, check_transforms, check_table
    return pd.DataFrame.from_dict({c.__doc__: check_row(c) for c in checks}, 'index').rename_axis('check')


def description(peak):
    "The machine, in one paragraph"
    machine = f'{device_name()}, {torch.cuda.device_count()} of them' if ON_GPU else f'No GPU: {device_name()}'
    label = '' if ON_GPU else ' The numbers check the machinery and say nothing about a GPU.'
    return f'{machine}; scale {SCALE}, precision {precision()}, torch {torch.__version__}.{label}'


def write_report(folder):
    "Measure everything, write the csv files and the page"
    peak, start = device_peak(), time.monotonic()
    with reproducible(0, torch.get_num_threads()):
        tables = dict(trainings=training_table(peak), answers=answer_table(), checks=check_table_of_all())
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with atomic(folder/f'{name}.csv') as tmp: table.assign(device=device_name()).to_csv(tmp, float_format='%.5g')
    write_static(folder)
    html = {name: table_html(table, name) for name, table in tables.items()}
    peak_text = f'{peak.flops/1e12:.1f} TFLOP/s ({peak.source})'
    title = f'The papers\' trainings on {device_name()}'
    write_page(folder/'index.html', 'gpu.html', title, description=description(peak), peak=peak_text, **html)
    print(f'{folder/"index.html"}: {len(tables["trainings"])} trainings, {time.monotonic() - start:.0f} s')
    return not (tables['checks'].outcome == 'failed').any()


if __name__ == '__main__':
    sys.exit(0 if write_report(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT/'reports/gpu')) else 1)
