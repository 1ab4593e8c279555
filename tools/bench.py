"""Compare this package with others on the same work: python tools/bench.py [--only WORD] [--fer FILE] [--out FOLDER]

Both do the work in turns in one process on one thread. FILE: labels of `fer`, which tools/fer_labels.py writes."""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
import cv2
import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parent))
from bounds import machine
from emotiw.core import commit, versions
from emotiw.features import descriptors
from emotiw.features.audio import HOP_LENGTH, RATE, log_mel
from emotiw.features.face_search import FaceSearch
from emotiw.features.faces import box_iou
from emotiw.features.streaming import FPS
from emotiw.features.video import iter_frames
from emotiw.inference.predict import predict
from emotiw.models.kernel_classifiers import KernelPLS
from emotiw.models.kernels import log_euclid_kernel, normalise_kernel, projection_kernel, set_kernels
from emotiw.models.set_models import covariance, subspace
from emotiw.models.test_time_augmentation import DEFAULT, apply_pil, apply_transforms, edge_mask
from emotiw.reporting.html import table_html, write_page, write_static
from emotiw.synthetic.face_geometry import ACTION_UNITS, Pose, person
from emotiw.synthetic.face_rendering import draw_face
from emotiw.synthetic.speech import Voice, utter

ROOT = Path(__file__).resolve().parents[1]
TABLE = 'ding2016_table2'      # BLSTMs on sound, and no faces
DISTRIBUTIONS = dict(pyriemann='pyriemann', sklearn='scikit-learn', librosa='librosa', PIL='pillow',
                     torchvision='torchvision', dlib='dlib-bin', papermill='papermill', fer='fer')   # by module
LIBRARIES = 'numpy', 'scipy', 'torch', 'opencv-python-headless'
SHORTEST = .1                  # s; work that takes less is repeated within a measurement
LONGEST_WARM_UP = 5.           # s; work that takes more is not called again to see how long it takes


class Agreement(NamedTuple):
    "How far two results are apart"
    difference: float   # The largest
    of: str             # What it is a difference of, and its unit

class Trial(NamedTuple):
    "One work in two ways"
    ours: Callable      # () -> our result
    theirs: Callable    # () -> the peer's result
    compare: Callable   # (our result, the peer's) -> `Agreement`

@dataclass(frozen=True)
class Pair:
    "A row of the report"
    work: str                 # What both do
    ours: str                 # Function or command
    peer: str                 # The peer's function or command
    module: str               # That the peer is imported as
    prepare: Callable         # () -> `Trial`
    repetitions: int = 7
    corpus: Path|None = None  # Folder of clips that is read

# Set kernels, PLS -------------------------------------------------------------------------------------------------

CLIPS, FRAMES, FEATURES = 150, 40, 128
SETS = f'{CLIPS} clips of {FRAMES} frames with {FEATURES} features'

def random_sets():
    "Frames of each clip, with variances as of features after PCA"
    rng = np.random.default_rng(0)
    return [rng.normal(size=(FRAMES, FEATURES))*np.linspace(2, .2, FEATURES) for _ in range(CLIPS)]

def relative(ours, theirs):
    "Difference of two arrays"
    return Agreement(float(np.abs(ours - theirs).max()/np.abs(theirs).max()), 'relative to the largest value')

def covariances(sets): return np.stack([covariance(F) for F in sets])

def bases(sets): return np.stack([subspace(F) for F in sets])

def log_euclid_of_matrices():
    from pyriemann.geometry.kernel import kernel_logeuclid
    C = covariances(random_sets())
    return Trial(lambda: log_euclid_kernel(C, C), lambda: kernel_logeuclid(C, reg=0), relative)

def log_euclid_of_frames():
    from pyriemann.geometry.kernel import kernel_logeuclid
    sets, eps = random_sets(), 1e-3
    return Trial(lambda: set_kernels(sets, dict(covariance=(eps,)))['covariance', eps],
                 lambda: kernel_logeuclid(covariances(sets), Cref=eps*np.eye(FEATURES), reg=0), relative)

def projection_of_bases():
    "tr(P1 P1^T P2 P2^T) is the Euclidean kernel of the projection matrices"
    from pyriemann.geometry.kernel import kernel_euclid
    P = bases(random_sets())
    return Trial(lambda: projection_kernel(P, P), lambda: kernel_euclid(P @ P.mT, reg=0), relative)

def projection_of_frames():
    from pyriemann.geometry.kernel import kernel_euclid
    sets = random_sets()
    def theirs():
        P = bases(sets)
        return kernel_euclid(P @ P.mT, reg=0)
    return Trial(lambda: set_kernels(sets, dict(subspace=(10,)))['subspace', 10], theirs, relative)

def pls():
    "Seven emotions against the rest, from a kernel of AFEW's training part"
    from sklearn.cross_decomposition import PLSRegression
    rng, n = np.random.default_rng(0), 773
    y, Z = np.arange(n) % 7, rng.normal(size=(n, 60))
    K = normalise_kernel((Z + np.eye(7)[y] @ rng.normal(size=(7, 60))) @ Z.T + 60*np.eye(n))
    X = (K + K.T)/2
    single = lambda c: PLSRegression(30, scale=False, tol=1e-12).fit(X, (y == c).astype(float))
    return Trial(lambda: KernelPLS(30).fit(X, y).coef_,
                 lambda: np.stack([single(c).coef_[0] for c in range(7)], 1), relative)

# Sound ------------------------------------------------------------------------------------------------------------

def speech(): return utter('Happy', Voice(0), 5., 0)

def librosa_log_mel(x):
    "`log_mel` by librosa"
    import librosa
    z = (x - x.mean())/x.std()
    h = np.hamming(401)[:-1]
    window = np.pad(h/h.sum(), (0, 112))
    stft = librosa.stft(np.pad(z, (0, 112)), n_fft=512, hop_length=HOP_LENGTH, window=window, center=False)
    power = np.abs(stft)**2
    energy = librosa.feature.melspectrogram(S=power, sr=RATE, n_fft=512, n_mels=40, htk=True, norm=None)
    static = np.log(np.maximum(energy, 1e-8))
    slope = partial(librosa.feature.delta, width=5, mode='nearest')
    return np.stack([static, slope(static), slope(slope(static))])

def mel():
    x = speech()
    absolute = lambda a, b: Agreement(float(np.abs(a - b).max()), 'logarithm of the energy')
    return Trial(lambda: log_mel(x), lambda: librosa_log_mel(x), absolute)

def pitch():
    import librosa
    x = speech().astype(np.float32)
    ours = lambda: descriptors._pitch(descriptors._centred_frames(x))
    theirs = lambda: librosa.yin(x, fmin=65, fmax=500, sr=RATE, frame_length=1024, hop_length=HOP_LENGTH)
    differ = lambda a, b: Agreement(float((np.abs(a/b - 1) > 1e-3).mean()), 'share of frames more than 0.1 % apart')
    return Trial(ours, theirs, differ)

# Faces ------------------------------------------------------------------------------------------------------------

def drawn_faces():
    "Faces `(8, 224, 224, 3)` uint8"
    return np.stack([draw_face(person(i), ACTION_UNITS['Happy'], Pose(112, 122, 112))[10:234] for i in range(8)])

def grey_levels(ours, theirs):
    "Difference of two sets of transformed faces; at the edge libraries fill in differently"
    inner = ~edge_mask(DEFAULT, ours.shape[2])
    return Agreement(int(np.abs(ours.astype(int) - theirs)[:, inner].max()), 'grey levels, away from the edge')

def transforms_by_pil():
    images = drawn_faces()
    return Trial(lambda: apply_transforms(images), lambda: np.stack([apply_pil(i, DEFAULT) for i in images]),
                 grey_levels)

def transforms_by_torchvision():
    from torchvision.transforms.v2 import InterpolationMode, functional
    images = drawn_faces()
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
    def warp(rotation, scale):
        return functional.affine(tensor, -rotation, [0, 0], scale, [0., 0.], InterpolationMode.BILINEAR)
    def theirs():
        views = torch.stack([warp(*setting) for mirrored, *setting in DEFAULT.settings() if not mirrored], 1)
        return torch.cat([views, functional.horizontal_flip(views)], 1).permute(0, 1, 3, 4, 2).numpy()
    return Trial(lambda: apply_transforms(images), theirs, grey_levels)

def search_film(frames):
    "Boxes in each frame of a film by `FaceSearch`"
    search = FaceSearch()
    return [search(image, t) for t, image in frames]

def same_faces(ours, theirs):
    "Share of the faces that only one of two searches found"
    is_found = lambda box, boxes: any(box_iou(box, other) > .3 for other in boxes)
    found = [is_found(box, b) for a, b in zip(ours, theirs) for box in a]
    only_theirs = sum(not is_found(box, a) for a, b in zip(ours, theirs) for box in b)
    both, only_ours = sum(found), len(found) - sum(found)
    text = f'share of the faces that one missed: both {both}, only ours {only_ours}, only dlib {only_theirs}'
    return Agreement((only_ours + only_theirs)/(both + only_ours + only_theirs), text)

def search(folder):
    import dlib
    films = [list(iter_frames(path, FPS)) for path in sorted((folder/'clips').iterdir())[::48]]
    detector = dlib.get_frontal_face_detector()
    def boxes(image):
        return [np.array([r.left(), r.top(), r.right() + 1, r.bottom() + 1]) for r in detector(image, 1)]
    return Trial(lambda: [boxes for film in films for boxes in search_film(film)],
                 lambda: [boxes(image) for film in films for _, image in film], same_faces)

# A table ----------------------------------------------------------------------------------------------------------

def run_command(*arguments):
    "Run a module of this environment on one thread"
    environment = os.environ | dict(PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    done = subprocess.run([sys.executable, '-m', *map(str, arguments)], env=environment, capture_output=True, text=True)
    if done.returncode: raise SystemExit(f'{arguments[0]}: {done.stderr[-2000:]}')

def rebuilt_table():
    "The table's csv by `emotiw tables` in a new report folder"
    with TemporaryDirectory(prefix='emotiw-bench-') as folder:
        run_command('emotiw.cli', 'tables', '--only', TABLE, '--scale', 'tiny', '--workers', '1', '--reports', folder)
        return pd.read_csv(Path(folder)/f'synthetic/{TABLE}.csv', index_col=0)

def papermill_table():
    "The table's csv by papermill"
    with TemporaryDirectory(prefix='emotiw-bench-') as folder:
        run_command('papermill', ROOT/f'nbs/tables/{TABLE}.ipynb', f'{folder}/{TABLE}.ipynb', '--kernel', 'python3',
                    '-p', 'scale', 'tiny', '-p', 'out', folder, '--no-progress-bar')
        return pd.read_csv(f'{folder}/{TABLE}.csv', index_col=0)

def same_numbers(ours, theirs):
    "Largest difference of a number of two csv files"
    a, b = (table.select_dtypes('number') for table in (ours, theirs))
    return Agreement(float((a - b).abs().max().max()), 'a number of the csv')

def tables():
    return Trial(rebuilt_table, papermill_table, same_numbers)

# Measurements -----------------------------------------------------------------------------------------------------

def pairs(java_sed):
    "All pairs; `java_sed`: the folder of that corpus"
    eighteen = '18 transforms of each of 8 faces of 224 px'
    return [
        Pair(f'log-Euclidean kernel, {CLIPS} covariance matrices of {FEATURES} features', 'log_euclid_kernel',
             'kernel_logeuclid', 'pyriemann', log_euclid_of_matrices),
        Pair(f'log-Euclidean kernel, {SETS}', 'set_kernels', 'kernel_logeuclid', 'pyriemann', log_euclid_of_frames),
        Pair(f'projection kernel, {CLIPS} bases of 10 vectors', 'projection_kernel',
             'kernel_euclid of projection matrices', 'pyriemann', projection_of_bases),
        Pair(f'projection kernel, {SETS}', 'set_kernels', 'kernel_euclid of projection matrices', 'pyriemann',
             projection_of_frames),
        Pair('PLS, 30 components, 7 emotions, kernel of 773 clips', 'KernelPLS', '7 times PLSRegression', 'sklearn',
             pls),
        Pair('log-Mel with two deltas, 5 s of speech', 'log_mel', 'melspectrogram, delta', 'librosa', mel),
        Pair('pitch by YIN, 5 s of speech', 'pitch of frame_descriptors', 'yin', 'librosa', pitch),
        Pair(eighteen, 'apply_transforms', 'Image.transform, 18 times', 'PIL', transforms_by_pil),
        Pair(eighteen, 'apply_transforms', 'affine, horizontal_flip', 'torchvision', transforms_by_torchvision),
        Pair(f'faces in the frames of four films, {FPS:g} per second', 'FaceSearch', 'detector on every full frame',
             'dlib', partial(search, java_sed), 5, java_sed),
        Pair(f'{TABLE} at scale tiny from stored runs; ours writes pages and the summary, too', 'emotiw tables',
             'the notebook alone', 'papermill', tables, 3)]

def cpu_seconds():
    "Processor time of this process and of the processes it has waited for"
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usages)

def cost(f, n=1):
    "Processor time of one of `n` calls, s"
    start = cpu_seconds()
    for _ in range(n): f()
    return (cpu_seconds() - start)/n

def warm_up(f):
    "Result of a first call, and the number of calls that take `SHORTEST`"
    start = cpu_seconds()
    result = f()
    if cpu_seconds() - start > LONGEST_WARM_UP: return result, 1
    return result, max(1, math.ceil(SHORTEST/max(cost(f), 1e-6)))

def spread(ours, theirs):
    "Median times, and median and range of their ratios, as fields of a row"
    ratios = np.divide(theirs, ours)
    return dict(ours_ms=1000*float(np.median(ours)), peer_ms=1000*float(np.median(theirs)),
                ratio=float(np.median(ratios)), low=float(ratios.min()), high=float(ratios.max()), n=len(ratios))

def missing(pair):
    "Why `pair` cannot be measured; '' if it can"
    if not find_spec(pair.module): return 'not installed'
    if pair.corpus and not pair.corpus.exists(): return f'{pair.corpus.name} is absent'
    return ''

def measure(pair):
    "The row of a pair: ours and the peer in turns"
    row = dict(work=pair.work, ours=pair.ours, module=pair.module, peer=pair.peer, missing=missing(pair))
    if row['missing']: return row
    trial = pair.prepare()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with threadpool_limits(1):
        (our_result, n_ours), (their_result, n_theirs) = warm_up(trial.ours), warm_up(trial.theirs)
        times = [(cost(trial.ours, n_ours), cost(trial.theirs, n_theirs)) for _ in range(pair.repetitions)]
    return row | spread(*zip(*times)) | trial.compare(our_result, their_result)._asdict()

# Labels of clips --------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Labels:
    "Labels of one clip"
    clip: str
    emotion: str            # As acted
    fer: str|None           # None: no face was found
    fer_ms: float           # Processor time
    emotiw: str|None        # None: not predicted here
    emotiw_ms: float|None

def label_clips(folder, fer):
    "`Labels` of all clips of Java-SED; one per actor and emotion is predicted here, the labels of `fer` are given"
    clips = pd.read_csv(folder/'clips.csv')
    chosen = set(clips.groupby(['group', 'emotion']).path.first())
    predict(folder/clips.path[0])     # warms up
    for path, emotion in zip(clips.path, clips.emotion):
        given = fer['clips'][Path(path).name]
        ours = [None, None]
        if path in chosen:
            start = cpu_seconds()
            ours = [predict(folder/path).emotion, 1000*(cpu_seconds() - start)]
        label = given['label'].capitalize() if given['label'] else None
        yield Labels(Path(path).name, emotion, label, given['cpu_ms'], *ours)

FER = dict(work='label of a clip of Java-SED, from its file; ours hears the sound, too',
           ours='predict', module='fer', peer='FER().detect_emotions, mean of the largest face')

def fer_row(labels):
    "The row of fer"
    measured = [label for label in labels if label.emotiw_ms]
    differ = float(np.mean([label.fer != label.emotiw for label in measured]))
    times = spread([label.emotiw_ms/1000 for label in measured], [label.fer_ms/1000 for label in measured])
    return FER | times | dict(missing='', difference=differ, of='share of the labels')

def count_row(right, of): return dict(right=right, of=of, percent=100*right/of)

def accuracy_rows(labels):
    "Whose labels -> how many are right"
    measured = [label for label in labels if label.emotiw_ms]
    rows = {'fer, faces': count_row(sum(label.fer == label.emotion for label in labels), len(labels)),
            'emotiw, faces and sound, on actors it was trained on':
                count_row(sum(label.emotiw == label.emotion for label in measured), len(measured))}
    stored = pd.read_csv(ROOT/'reports/bundled/bundled.csv', index_col=0).k_of_n
    views = dict(faces='faces', both='faces and sound')
    for view, text in views.items():
        right, of = stored[f'java_sed, {view}, stranger'].split('/')
        rows[f'emotiw, {text}, each actor left out of the training'] = count_row(float(right), int(of))
    return rows

def fer_report(folder, fer):
    "Row, labels and accuracies of fer; without its labels only the row, which says so"
    if not fer: return FER | dict(missing='not measured: needs tools/fer_labels.py'), [], {}
    if not folder.exists(): return FER | dict(missing=f'{folder.name} is absent'), [], {}
    if fer['processor'] != machine()['processor']:
        return FER | dict(missing=f'measured on another processor: {fer["processor"]}'), [], {}
    with threadpool_limits(1): labels = list(label_clips(folder, fer))
    return fer_row(labels), labels, accuracy_rows(labels)

# The report -------------------------------------------------------------------------------------------------------

COLUMNS = {'ours': 'ours', 'peer': 'peer', 'ours_ms': 'ours, ms', 'peer_ms': 'peer, ms', 'ratio': 'peer / ours',
           'low': 'lowest', 'high': 'highest', 'n': 'times', 'difference': 'largest difference', 'of': 'of'}

def library_versions(rows):
    "Versions of the peers that were measured here, and of what ours stands on"
    names = {DISTRIBUTIONS[row['module']] for row in rows if not row['missing']}
    return versions(*sorted(names - {'fer'}), *LIBRARIES) | dict(python=platform.python_version())

def in_digits(value):
    "Three digits, and no exponent"
    return '' if value is None else f'{value:.0f}' if value >= 100 else f'{value:#.3g}'

def shown_row(row):
    "A row as it is shown"
    numbers = {name: in_digits(row.get(name)) for name in ('ours_ms', 'peer_ms', 'ratio', 'low', 'high')}
    peer = f"{DISTRIBUTIONS[row['module']]}: {row['peer']}"
    return row | numbers | dict(peer=peer, of=row.get('of') or row['missing'])

def bench_table(rows):
    "The rows as they are shown"
    table = pd.DataFrame(map(shown_row, rows)).set_index('work').reindex(columns=list(COLUMNS))
    return table.astype(dict(n='Int64')).rename(columns=COLUMNS)

def write_report(folder, report, labels):
    "Write json, csv of the labels and the page"
    folder.mkdir(parents=True, exist_ok=True)
    (folder/'bench.json').write_text(json.dumps(report, indent=1) + '\n')
    (folder/'labels.csv').unlink(missing_ok=True)
    if labels: pd.DataFrame(map(asdict, labels)).round(1).to_csv(folder/'labels.csv', index=False)
    write_static(folder)
    accuracies = pd.DataFrame(report['accuracies']).T.rename(columns=dict(percent='%'))
    names = ', '.join(f'{name} {version}' for name, version in report['versions'].items())
    return write_page(
        folder/'index.html', 'bench.html', 'Side by side', breadcrumbs=(),
        table=table_html(bench_table(report['rows']), 'processor time of the same work'),
        table_from='At {commit}, on one of {cores} cores of {processor} with {gib} GiB; {names}.'.format(
            commit=report['commit'], names=names, **report['machine']),
        accuracies=table_html(accuracies, 'labels of Java-SED') if labels else None)

if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--only', default='', help='the pairs whose work or peer has this word; nothing is written')
    parser.add_argument('--fer', type=Path, help='labels that tools/fer_labels.py has written on this machine')
    parser.add_argument('--java-sed', type=Path, default=ROOT.parent/'shared/corpora/java_sed', help='its folder')
    parser.add_argument('--out', type=Path, default=ROOT/'reports'/'bench', help='the folder to write')
    options = parser.parse_args()
    if options.fer and not options.fer.exists():
        parser.error(f'{options.fer} is missing; write it with tools/fer_labels.py')
    fer = json.loads(options.fer.read_text()) if options.fer else {}
    rows, labels, accuracies = [], [], {}
    for pair in pairs(options.java_sed):
        if options.only not in f'{pair.module} {pair.work}': continue
        rows.append(measure(pair))
        print(*rows[-1].values(), sep='\t', flush=True)
    if options.only in ('', 'fer'):
        row, labels, accuracies = fer_report(options.java_sed, fer)
        rows.append(row)
        print(*row.values(), sep='\t')
    if options.only: sys.exit()
    names = library_versions(rows) | fer.get('versions', {})
    report = dict(commit=commit(), machine=machine(), versions=names, rows=rows, accuracies=accuracies)
    print(write_report(options.out, report, labels))
