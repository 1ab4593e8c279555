"""Measure memory and time of the commands by the size of their input: python tools/bounds.py [--only WORD] [--out FILE]

Every input is made in a temporary folder, and every command is a process of its own with a home of its own."""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
import av
import numpy as np
import pandas as pd
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]/'tests'))
from inference.test_predict import film, voice
from emotiw.core import EMOTIONS, commit
from emotiw.synthetic.face_geometry import Pose, person
from emotiw.synthetic.face_rendering import draw_face
from repository import root

MIB = 2**20
COMMAND = [sys.executable, '-m', 'emotiw.cli']


@dataclass(frozen=True)
class Case:
    "A command and how its input of a size is made"
    command: str        # As it is listed
    unit: str           # What the sizes count
    sizes: tuple        # Increasing
    prepare: Callable   # (an empty folder, a size) -> the arguments of the process, after `python`
    runs: tuple = ('',) # Names of consecutive runs on one input and one home

@dataclass(frozen=True)
class Measurement:
    "One run"
    command: str
    unit: str
    size: int
    seconds: float
    peak: float         # MiB resident, all processes of the command together
    code: int           # Exit code
    lines: int          # Printed
    output: float       # Printed or written as a page, KiB

# Clips -----------------------------------------------------------------------------------------------------------

WIDTH, HEIGHT, FRAMES, SAMPLES = 48, 36, 8, 11_200

def write_raw_clip(path):
    "A clip of one second without compression"
    grey, silence = np.full((HEIGHT*3//2, WIDTH), 128, np.uint8), np.zeros((1, SAMPLES), np.int16)
    with av.open(str(path), 'w', options=dict(fflags='+bitexact')) as out:
        video = out.add_stream('rawvideo', rate=FRAMES, pix_fmt='yuv420p', width=WIDTH, height=HEIGHT)
        sound = out.add_stream('pcm_s16le', rate=16_000, layout='mono')
        for _ in range(FRAMES): out.mux(video.encode(av.VideoFrame.from_ndarray(grey, format='yuv420p')))
        frame = av.AudioFrame.from_ndarray(silence, format='s16', layout='mono')
        frame.sample_rate = 16_000
        for stream, last in (sound, frame), (video, None), (sound, None): out.mux(stream.encode(last))

class DifferentClips:
    "Clips of one second with random pictures and sounds: the payload of one uncompressed clip is replaced"
    def __init__(self, folder):
        write_raw_clip(folder/'template.avi')
        self.template = (folder/'template.avi').read_bytes()
        with av.open(str(folder/'template.avi')) as f:
            packets = [(p.stream.type, p.pos + 8, p.size) for p in f.demux() if p.size]
        self.pictures = [(start, n) for kind, start, n in packets if kind == 'video']
        self.sounds = [(start, n) for kind, start, n in packets if kind == 'audio']
        self.rng = np.random.default_rng(0)

    def write(self, path):
        "Write the next clip"
        data = bytearray(self.template)
        blocks = self.rng.integers(0, 255, (HEIGHT//6, WIDTH//6), np.uint8)
        luma = np.kron(blocks, np.ones((6, 6), np.uint8)).tobytes()
        for start, _ in self.pictures: data[start:start + len(luma)] = luma
        for start, n in self.sounds: data[start:start + n] = self.rng.bytes(n)
        path.write_bytes(data)

def afew(folder, n):
    "`emotiw check` of `n` different clips in the layout of AFEW"
    clips, corpus = DifferentClips(folder), folder/'corpus'
    for i in range(n):
        part = corpus/('Val_AFEW' if i % 4 == 3 else 'Train_AFEW')/EMOTIONS[i % 7]
        part.mkdir(parents=True, exist_ok=True)
        clips.write(part/f'{i:06}.avi')
    return [*COMMAND, 'check', str(corpus)]

def write_manifest(file, paths):
    "A manifest of clips of two emotions, every fourth for validation"
    lines = [f'{path},{EMOTIONS[i % 2]},{"val" if i % 4 == 3 else "train"},actor{i % 50}\n'
             for i, path in enumerate(paths)]
    file.write_text('path,emotion,split,group\n' + ''.join(lines))
    return [*COMMAND, 'check', str(file)]

def copies(folder, n):
    "`emotiw check` of `n` links to one clip"
    DifferentClips(folder).write(folder/'clip.avi')
    paths = [f'clips/{i:06}.avi' for i in range(n)]
    (folder/'clips').mkdir()
    for path in paths: os.link(folder/'clip.avi', folder/path)
    return write_manifest(folder/'list.csv', paths)

def missing(folder, n):
    "`emotiw check` of a manifest whose `n` clips are missing"
    return write_manifest(folder/'list.csv', [f'clips/{i:07}.avi' for i in range(n)])

def repeated(folder, n):
    "`emotiw check` of a manifest that names ten clips in `n` lines"
    clips = DifferentClips(folder)
    for i in range(10): clips.write(folder/f'{i}.avi')
    return write_manifest(folder/'list.csv', [f'{i % 10}.avi' for i in range(n)])

# Media -----------------------------------------------------------------------------------------------------------

def write_talk(path, minutes, gain=1.):
    "A film in which a drawn face moves and speaks in every fourth minute"
    drawn = person(1)
    faces = [draw_face(drawn, {}, Pose(80 + 6*np.sin(i/4), 58, 62)) for i in range(25)]
    empty, speech = np.full_like(faces[0], 128), gain*np.tile(voice(5.), 12)
    speaks = [minute % 4 == 0 for minute in range(minutes)]
    pictures = (faces[i % 25] if face else empty for face in speaks for i in range(5*60))
    film(path, list(pictures), 5, sound=np.concatenate([speech if face else 0*speech for face in speaks]))

def talking(folder, minutes):
    "`emotiw predict` of a film"
    write_talk(folder/'film.avi', minutes)
    return [*COMMAND, 'predict', str(folder/'film.avi')]

def films(folder, minutes):
    "`emotiw check` of a film and the same film at half the volume"
    for name, gain in ('film.avi', 1.), ('copy.avi', .5): write_talk(folder/name, minutes, gain)
    (folder/'list.csv').write_text('path,emotion,split\nfilm.avi,Happy,train\ncopy.avi,Sad,val\n')
    return [*COMMAND, 'check', str(folder/'list.csv')]

def sounds(folder, n):
    "`emotiw predict` of a folder of `n` different sounds of a second"
    wave = voice(1.)
    (folder/'sounds').mkdir()
    for i in range(n): film(folder/'sounds'/f'{i:05}.wav', [], sound=(1 - i/2/n)*wave)
    return [*COMMAND, 'predict', '--json', str(folder/'sounds')]

def zipped(folder, n):
    "`emotiw unpack` of a zip of `n` files"
    with zipfile.ZipFile(folder/'corpus.zip', 'w') as z:
        for i in range(n): z.writestr(f'corpus/{i//1000:03}/{i:06}.txt', f'{i}')
    return [*COMMAND, 'unpack', str(folder/'corpus.zip'), str(folder/'out')]

def stored(folder, n, *options):
    "`emotiw cache` of `n` entries"
    for i in range(n):
        entry = folder/'home'/'features'/f'Extractor{i % 10}'/f'{i % 256:02x}'/f'{i:032x}.safetensors'
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.write_bytes(b'0')
    return [*COMMAND, 'cache', *options]

# Reports ---------------------------------------------------------------------------------------------------------

PARAMETERS = "corpus = 'synthetic'\nscale = 'quick'\nfolds = 'split'\nimages = 'synthetic'\nseeds = 3\n"

def cell(kind, source, tags=(), html=None):
    "A cell of a notebook"
    made = dict(cell_type=kind, id='0', metadata=dict(tags=list(tags)) if tags else {}, source=source)
    if kind == 'markdown': return made
    outputs = [dict(output_type='display_data', metadata={}, data={'text/html': html})] if html else []
    return made | dict(execution_count=None, outputs=outputs)

def write_table(folder, name, numbers=None, html=None):
    "An executed table notebook in the report `folder`, and its csv"
    folder.mkdir(exist_ok=True)
    cells = [cell('markdown', f'# {name}\n> A table'), cell('code', PARAMETERS, ['parameters']),
             cell('code', PARAMETERS, ['injected-parameters']), cell('code', 'table', html=html)]
    for i, made in enumerate(cells): made['id'] = f'cell{i}'
    notebook = dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)
    (folder/f'{name}.ipynb').write_text(json.dumps(notebook))
    if numbers is not None: numbers.to_csv(folder/f'{name}.csv')
    return folder

def rows_of_table(n, seed=0):
    "`n` rows of a table"
    ours = 20 + 40*seed + 20*np.random.default_rng(seed).random(n)
    columns = dict(published=40., published_n=383, ours=ours.round(2), low=ours - 5, high=ours + 5, k_of_n='40/100',
                   n=100, sd=.1, runs=3, verdict='not comparable')
    return pd.DataFrame(columns, [f'system {i}' for i in range(n)]).rename_axis('row')

def compared(folder, n):
    "`emotiw compare` of two reports with one table of `n` rows, all of them different"
    reports = [write_table(folder/name, 'zhou2019_table1', rows_of_table(n, seed)) for seed, name in enumerate('ab')]
    return [*COMMAND, 'compare', *map(str, reports)]

def report_of(folder, n):
    "A report of `n` tables, with its summary"
    report = folder/'report'
    for i in range(n): write_table(report, f'zhou2019_table{i}')
    summary = rows_of_table(n).assign(headline='a row').set_axis([f'zhou2019_table{i}' for i in range(n)])
    summary.rename_axis('table').to_csv(report/'summary.csv')
    return report

def cited(folder, n):
    "`emotiw cite` of a report of `n` tables"
    return [*COMMAND, 'cite', str(report_of(folder, n))]

def page(code, *values):
    "A process that writes a page, by an expression for its path, and prints it"
    imports = ('import sys; import emotiw; from pathlib import Path; import pandas as pd; import bounds; '
               'from emotiw.reporting import build, drilldown; ')
    return [sys.executable, '-c', f'{imports}values = sys.argv[1:]; print({code}.read_text())', *map(str, values)]

def index(folder, n):
    "The first page of a report of `n` tables"
    return page("build.index_page(Path(values[0]), 'A report.')", report_of(folder, n))

def table(folder, n):
    "The page of a table of `n` rows"
    from emotiw.reporting.html import table_html
    numbers = rows_of_table(n)
    html = table_html(numbers, 'A table', {name: f'table/{name}.html' for name in numbers.index})
    report = write_table(folder/'report', 'zhou2019_table1', html=str(html))
    return page("build.notebook_page(Path(values[0]))", report/'zhou2019_table1.ipynb')

def ledger(folder, n):
    "The page of lost data of `n` clips"
    notes = dict(clip=[f'train/{i:06}' for i in range(n)], part='face', reason='no face found: whole frame used',
                 count=3, of=8)
    (folder/'report').mkdir()
    pd.DataFrame(notes).to_csv(folder/'report'/'zhou2019_table1_ledger.csv', index=False)
    return page("build.ledger_page(Path(values[0]), bounds.corpus_of(10))", folder/'report')

def corpus_of(n):
    "A corpus of `n` clips that are not read"
    from emotiw.data.corpus import Corpus, clip_row
    rows = [clip_row('val', f'{i:06}', Path(f'{i}.avi'), EMOTIONS[i % 7]) for i in range(n)]
    return Corpus('bounds', Path('.'), pd.DataFrame(rows), 'manifest')

def evidence_of_clips(n):
    "Scores of three seeds on `n` clips"
    from emotiw.reporting.drilldown import Evidence
    corpus, rng = corpus_of(n), np.random.default_rng(0)
    scores = {seed: pd.DataFrame(rng.random((n, 7)), list(corpus.clips['clip']), EMOTIONS) for seed in range(3)}
    return Evidence(scores, corpus)

def evidence_of_runs(n):
    "Scores that stand on `n` runs of 20 epochs"
    from dataclasses import replace
    from emotiw.experiments.runs import Result
    return replace(evidence_of_clips(100), upstream=tuple(Result(None, record_of_run(i)) for i in range(n)))

def record_of_run(seed):
    "What is stored of a run"
    history = dict(epoch=list(range(20)), loss=[1/(k + 1) for k in range(20)], val_loss=[.9]*20)
    origin = dict(device='cpu', instructions='AVX2', precision='float32', threads=1, commit='0', versions={},
                  when='2026-01-01T00:00:00')
    keys = dict(key=f'{seed:032x}', fingerprint='0'*32, weights=None, input_files={}, seconds=1.)
    run = dict(function='emotiw.models.blstm.train_blstm', config=dict(size=64), fold=['split'], seed=seed)
    return run | keys | origin | dict(history=history, metadata={}, curves=None)

def evidence(made, folder, n):
    "The page behind a row"
    code = f"drilldown.evidence_page(Path(values[0]), 'table', 'row', {{}}, bounds.{made}(int(values[1])))"
    return page(code, folder, n)

# Measurements ----------------------------------------------------------------------------------------------------

PAGES = 100, 1000, 10_000
CASES = [
    Case('check, folder of different clips', 'clips', (200, 2000, 20_000), afew, ('', ', again')),
    Case('check, manifest of copies of one clip', 'clips', (200, 2000, 20_000), copies),
    Case('check, manifest of missing clips', 'lines', (10_000, 100_000, 1_000_000), missing),
    Case('check, manifest that repeats ten clips', 'lines', (10_000, 100_000, 1_000_000), repeated),
    Case('check, a film and its copy', 'minutes', (1, 5, 20), films),
    Case('predict, film of a face that comes and goes', 'minutes', (1, 10, 120), talking),
    Case('predict --json, folder of sounds', 'files', (10, 100, 1000), sounds),
    Case('unpack', 'files', PAGES, zipped),
    Case('cache', 'entries', (1000, 10_000, 100_000), stored),
    Case('cache --clear', 'entries', (1000, 10_000, 100_000), lambda *a: stored(*a, '--clear')),
    Case('compare, every row different', 'rows', PAGES, compared),
    Case('cite', 'tables', PAGES, cited),
    Case('page: index', 'tables', PAGES, index),
    Case('page: table', 'rows', PAGES, table),
    Case('page: ledger', 'notes', PAGES, ledger),
    Case('page: row, its clips', 'clips', PAGES, partial(evidence, 'evidence_of_clips')),
    Case('page: row, its runs', 'runs', PAGES, partial(evidence, 'evidence_of_runs')),
]

def resident(process):
    "Bytes of a process and of all that it started"
    total = 0
    try: processes = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess: return 0
    for p in processes:
        try: total += p.memory_info().rss
        except psutil.NoSuchProcess: pass    # it has ended meanwhile
    return total

def run(arguments, home, output):
    "Exit code, seconds and peak bytes of a command, whose output goes to the file `output`"
    environment = os.environ | dict(EMOTIW_HOME=str(home), PYTHONPATH=f'{root}:{root/"tools"}')
    start, peak = time.perf_counter(), 0
    with open(output, 'wb') as out:
        child = psutil.Popen(arguments, stdout=out, stderr=subprocess.STDOUT, env=environment)
        while child.poll() is None:
            peak = max(peak, resident(child))
            time.sleep(.1)
    return child.returncode, time.perf_counter() - start, peak

def measure(case, size):
    "The runs of a case at a size"
    with TemporaryDirectory(prefix='emotiw-bounds-') as temporary:
        folder = Path(temporary)
        arguments = case.prepare(folder, size)
        for name in case.runs:
            code, seconds, peak = run(arguments, folder/'home', folder/'output')
            text = (folder/'output').read_bytes()
            if b'Traceback' in text: raise SystemExit(f'{case.command}, {size}: {text[-3000:].decode()}')
            yield Measurement(case.command + name, case.unit, size, round(seconds, 1), round(peak/MIB), code,
                              text.count(b'\n'), round(len(text)/1024, 1))

def processor():
    "The name of the processor"
    file = Path('/proc/cpuinfo')     # of Linux
    names = re.findall(r'model name\s*: (.*)', file.read_text()) if file.exists() else []
    return names[0] if names else platform.processor()

def machine():
    "Processor, cores and memory"
    return dict(processor=processor(), cores=os.cpu_count(), gib=round(psutil.virtual_memory().total/2**30))

if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--only', default='', help='the cases whose name has this word; nothing is written')
    parser.add_argument('--below', type=float, default=float('inf'), help='only sizes below this')
    parser.add_argument('--out', type=Path, default=root/'reports'/'robustness'/'bounds.json', help='the report')
    options = parser.parse_args()
    measured = []
    for case in [c for c in CASES if options.only in c.command]:
        for size in [n for n in case.sizes if n < options.below]:
            for measurement in measure(case, size):
                measured.append(asdict(measurement))
                print(*measured[-1].values(), sep='\t', flush=True)
    if options.only or options.below < float('inf'): sys.exit()
    text = json.dumps(dict(commit=commit(), machine=machine(), rows=measured), indent=1)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text + '\n')
