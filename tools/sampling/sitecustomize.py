"""Put first on PYTHONPATH by tools/phases.py: samples the stacks of this process, and adds up the processor seconds of
each phase in a file of the folder EMOTIW_PHASES"""
import gc
import os
import sys
import threading
import time

PHASES = [     # part of a file's name -> phase; the innermost frame that has one decides
    ('sitecustomize', 'sampling'), ('emotiw/synthetic/', 'synthetic corpus'), ('features/video', 'decoding'),
    ('features/audio', 'sound features'), ('features/descriptors', 'sound features'),
    ('features/face', 'faces'), ('features/streaming', 'faces'), ('features/handcrafted', 'HOG, LBP, SIFT'),
    ('features/fingerprints', 'leaks'), ('experiments/leakage', 'leaks'),
    ('models/kernel', 'kernels, PLS, SVM'), ('models/set_models', 'kernels, PLS, SVM'),
    ('models/clip_svm', 'kernels, PLS, SVM'), ('models/deep_features', 'deep features'),
    ('models/test_time', 'deep features'), ('features/sequences', 'deep features'),
    ('emotiw/hashing', 'keys'), ('emotiw/metrics', 'statistics'), ('matplotlib/', 'figures'),
    ('emotiw/reporting/', 'tables and pages'), ('lightning/', 'Lightning'), ('distributed/', 'dask'),
    ('ipykernel', 'kernels of notebooks'), ('nbclient', 'kernels of notebooks'), ('papermill', 'kernels of notebooks'),
    ('execnb', 'kernels of notebooks'), ('nbdev', 'nbdev'), ('_pytest', 'pytest'), ('hypothesis', 'pytest')]


def phase_of_file(file):
    "The phase of a module: one of `PHASES`, or its own name for another module of this package; None for others"
    folder = getattr(sys.modules.get('emotiw'), '__path__', ['not imported'])[0]
    own = f'other: {file[len(folder) + 1:-3]}' if file.startswith(folder) else None
    return next((name for part, name in PHASES if part in file), own)

def kind_of_training(files):
    "The module of a network or paper that called the training, from the innermost frame outwards"
    callers = [f for f in files if '/emotiw/models/' in f or '/emotiw/papers/' in f or '/emotiw/inference/' in f]
    return f'training: {os.path.basename(callers[-1])[:-3]}' if callers else 'training: examples'

def phase(frame):
    "The phase that a stack belongs to"
    files = []
    while frame:
        files.append(frame.f_code.co_filename)
        frame = frame.f_back
    if any(f.startswith('<frozen importlib') for f in files): return 'imports'
    if any('experiments/training' in f for f in files): return kind_of_training(files)
    return next(filter(None, map(phase_of_file, files)), 'other')

def thread_seconds(native):
    "Processor seconds of a thread of this process; 0 if it has just ended"
    try:
        with open(f'/proc/self/task/{native}/schedstat') as f: return int(f.read().split()[0])/1e9
    except OSError: return 0

def current_frames():
    "Thread -> its frame; before Python 3.12 garbage collection meanwhile can block the process for ever"
    collects = gc.isenabled()
    gc.disable()
    try: return sys._current_frames()
    finally:
        if collects: gc.enable()

def sample(total, before):
    "Give the seconds since the last sample to the phase of the thread that took them"
    native = {t.ident: t.native_id for t in threading.enumerate()}
    for thread, frame in current_frames().items():
        if not (number := native.get(thread)): continue
        spent = thread_seconds(number) - before.get(number, 0)
        if spent < 1e-4: continue
        name = phase(frame)
        total[name] = total.get(name, 0) + spent
        before[number] = before.get(number, 0) + spent

def write(total, file):
    "What was added up so far, and the largest resident memory in KiB"
    import json
    with open('/proc/self/status') as f: memory = next((line.split()[1] for line in f if line.startswith('VmHWM')), 0)
    all_seconds = time.process_time()
    rest = max(0, all_seconds - sum(total.values()))
    report = dict(command=' '.join(sys.argv)[:80], seconds=all_seconds, memory=int(memory))
    with open(f'{file}.tmp', 'w') as f: json.dump(report | dict(phases=total | {'threads of libraries': rest}), f)
    os.replace(f'{file}.tmp', file)

def watch(folder):
    "Sample until the process ends; what is added up is written twice a second, as a process may be killed"
    total, before = {'start of Python': time.process_time()}, {}
    before[threading.main_thread().native_id] = time.process_time()
    file, written = os.path.join(folder, f'{os.getpid()}.json'), 0.
    while True:
        time.sleep(.01)
        sample(total, before)
        if time.monotonic() - written > .5:
            if not os.path.isdir(folder): return     # the command has ended, this process not yet
            write(total, file)
            written = time.monotonic()

def start():
    "Begin to watch this process, also after a fork"
    if folder := os.environ.get('EMOTIW_PHASES'): threading.Thread(target=watch, args=(folder,), daemon=True).start()

start()
os.register_at_fork(after_in_child=start)
