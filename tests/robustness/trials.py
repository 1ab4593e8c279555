"What the package makes of damaged input: one attempt per kind of file, run in processes of their own with limits"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
from emotiw import cli
import contextlib
import io
import json
import os
import re
import resource
import select
import shutil
import signal
import sys
import time
import traceback
import zipfile
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
import cv2
import numpy as np
import pandas as pd
import torch
from inference.test_predict import film, voice
from robustness import damage
from robustness.damage import BYTE_DAMAGES
from safetensors.torch import save_file
from emotiw.core import UserError, cache_path
from emotiw.data.archives import unpack
from emotiw.data.corpus import count_emotions
from emotiw.data.load import open_corpus, open_image_sets
from emotiw.experiments.leakage import check
from emotiw.experiments.runs import Outcome, Run, run_all
from emotiw.experiments.settings import parse_weights
from emotiw.features.cache import Extractor, Feature, cached, cached_rows, feature_entry
from emotiw.features.video import read_frames
from emotiw.inference.model import AudioVisualEnsemble, save_model
from emotiw.inference.predict import cache_entry, predict_cached
from emotiw.models.networks import backbone
from emotiw.models.weight_checks import add_weights
from emotiw.models.weights import load_weights
from emotiw.reporting.build import make_plan
from emotiw.reproducibility import reproducible

CPU_SECONDS = 10      # An input that takes more is a fault
WALL_SECONDS = 60     # Its process is ended then
MEGABYTES = 700       # Resident memory, above that of the process before the input: more is a fault
ADDRESS_SPACE = 3*2**30   # Bytes, above that of the process
BATCH = 40            # Inputs of one process

class Believed(Exception):
    "A damaged entry was taken for a whole one"

# Whole samples ---------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Brightness(Extractor):
    "A feature that takes no time: `x` `(n, 3)`, the mean colour of each frame"
    frames: int = 12
    libraries = ()

    def __call__(self, path):
        clip = read_frames(path, n=self.frames)
        return Feature(dict(x=clip.images.mean((1, 2)), found=np.ones(len(clip.times), bool), times=clip.times))

@dataclass(frozen=True)
class Setting:
    "The configuration of a run"
    rate: float = .1

@dataclass(frozen=True)
class Data:
    "The data of a run"
    name: str = 'fuzz'
    fingerprint: str = '0123456789abcdef'

def toy_run(config, data, fold, seed):
    "A run that takes no time"
    predictions = pd.DataFrame([[.25, .75], [.5 - seed/4, .5 + seed/4]], ['val/a', 'val/b'], ['Happy', 'Sad'])
    history = pd.DataFrame(dict(epoch=[0, 1], val_loss=[.7, .6]))
    metadata, curves = dict(epochs=2, note='a note'), {'val/a': dict(weight=[.1, .9])}
    return Outcome(predictions, history, metadata=metadata, curves=curves)

def whole_face(image, size):
    "The picture itself as the face in it"
    return cv2.resize(image, (size, size)), True

MANIFEST = ''.join(f'clips/{name},{emotion},{split},{group}\n' for name, emotion, split, group in [
    ('a.avi', 'Happy', 'train', 'ann'), ('b.avi', 'Sad', 'train', 'ann'), ('c.avi', 'Happy', 'val', 'bob'),
    ('café.avi', 'Sad', 'val', 'bob')])
PARAMETERS = dict(corpus='', scale='tiny', folds='group:2', images='', weights='ir50=random, vggface=random',
                  voices='synthetic', only='zhou2019_table2')

def _write_media(folder):
    "Films, sounds and pictures"
    pictures, wave = [damage.gradient(160, 120, 3*k) for k in range(12)], voice(1.2)
    for name, codec in ('a.avi', 'mpeg4'), ('b.mp4', 'h264'), ('c.mkv', 'mpeg4'), ('d.webm', 'libvpx'):
        rate = 48000 if name == 'd.webm' else 16000
        sound = voice(1.2, rate)
        film(folder('video')/name, pictures, 10, sound=sound, rate=rate, codec=codec)
    for name in 'e.wav', 'f.mp3', 'g.flac': film(folder('sound')/name, [], sound=wave)
    film(folder('sound')/'h.ogg', [], sound=voice(1.2, 48000), rate=48000)
    for suffix in 'png', 'jpg', 'webp', 'bmp', 'tif': cv2.imwrite(str(folder('picture')/f'i.{suffix}'), pictures[0])
    film(folder('picture')/'j.gif', pictures[:3], codec='gif', pix_fmt='rgb8')

def _write_corpus(folder):
    "A manifest and its clips"
    clips = folder('manifest')/'clips'
    clips.mkdir()
    for k, name in enumerate(['a.avi', 'b.avi', 'c.avi', 'café.avi']):
        film(clips/name, [damage.gradient(160, 120, 9*k + i) for i in range(12)], 10, sound=voice(1.2 + .1*k))
    (folder('manifest')/'clips.csv').write_text('path,emotion,split,group\n' + MANIFEST)

def _write_image_sets(folder):
    "FER2013, its votes of FER+, and FER+ in a zip"
    usage = ['Training']*4 + ['PublicTest']*2
    pixels = ' '.join(str(i % 256) for i in range(48*48))
    rows = [f'{(0, 3)[i % 2]},{pixels},{part}\n' for i, part in enumerate(usage)]
    (folder('image set')/'fer2013.csv').write_text('emotion,pixels,Usage\n' + ''.join(rows))
    columns = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n'
    ten = [('8,1' if i % 2 else '0,9') + ',1,0,0,0,0,0,0,0\n' for i in range(len(usage))]
    votes = [f'{part},fer{i:07}.png,{ten[i]}' for i, part in enumerate(usage)]
    (folder('image set')/'fer2013new.csv').write_text(columns + ''.join(votes))
    png = cv2.imencode('.png', damage.gradient(48, 48)[..., 0])[1].tobytes()
    with zipfile.ZipFile(folder('image set')/'ferplus.zip', 'w') as z:
        labels = [f'fer{i}.png,"(0, 0, 48, 48)",{ten[i]}' for i in range(4)]
        damage.add_member(z, 'FER2013Train/label.csv', ''.join(labels))
        for i in range(4): damage.add_member(z, f'FER2013Train/fer{i}.png', png)

def _write_zip(folder):
    "A zip with a folder, a zip and another archive in it"
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, 'w', zipfile.ZIP_DEFLATED) as z: damage.add_member(z, 'Happy/b.txt', 'b'*3000)
    with zipfile.ZipFile(folder('zip')/'corpus.zip', 'w', zipfile.ZIP_DEFLATED) as z:
        for name, data in ('top/a.txt', b'abc'*900), ('top/inner.zip', inner.getvalue()), ('top/x.rar', b'Rar!'):
            damage.add_member(z, name, data)

WEIGHTS_ENTRY = '[fuzz]\nnetwork = "small"\npath = "fuzz.safetensors"\nsha256 = ""\nsource = "code"\nterms = "none"\n'

def _write_weights(folder):
    "One network's weights in two formats; a name for them"
    with reproducible(0): state = backbone('small').net.state_dict()
    torch.save(state, folder('weights')/'small.pth')
    save_file(state, folder('weights')/'small.safetensors')
    cache_path('weights.toml').write_text(WEIGHTS_ENTRY)

class Bench:
    "Whole samples of each kind, a toy model and a home, for a block"
    def __enter__(self):
        cv2.setNumThreads(1)
        self.temporary = TemporaryDirectory(prefix='emotiw-fuzz-')
        self.root = Path(self.temporary.name)
        self.previous_home = os.environ.get('EMOTIW_HOME')
        os.environ['EMOTIW_HOME'] = str(self.root/'home')
        cache_path().mkdir()
        for write in _write_media, _write_corpus, _write_image_sets, _write_zip, _write_weights: write(self._folder)
        self.model = self.root/'toy.safetensors'
        with reproducible(0): model = AudioVisualEnsemble(2)
        for expert in [*model.strangers.values(), *model.adapted.values()]: expert.std[:] = 50.
        save_model(model, self.model, {})
        self._store_entries()
        (self._folder('parameters')/'parameters.json').write_text(json.dumps(PARAMETERS))
        return self

    def __exit__(self, *_):
        if self.previous_home is None: del os.environ['EMOTIW_HOME']
        else: os.environ['EMOTIW_HOME'] = self.previous_home
        self.temporary.cleanup()

    def _folder(self, kind):
        "The folder of the samples of a kind"
        path = self.root/'samples'/kind
        path.mkdir(parents=True, exist_ok=True)
        return path

    def samples(self, kind):
        "Whole files of a kind"
        return sorted(p for p in self._folder(kind).iterdir() if p.is_file())

    def _store_entries(self):
        "Entries of the caches, what is read from them, and copies of them as samples"
        self.clip = self.samples('video')[0]
        self.entries = {'feature': feature_entry(Brightness(), self.clip),
                        'run record': Run(toy_run, Setting(), Data()).file,
                        'prediction': cache_entry(self.clip, self.model)}
        self.readers = {'feature': self._read_feature, 'run record': self._read_run,
                        'prediction': self._read_prediction, 'image array': self._read_images}
        fer = self.root/'fer'
        fer.mkdir()
        shutil.copy(self._folder('image set')/'fer2013.csv', fer)
        self.images = open_image_sets(str(fer))['fer2013']
        self.truth = {kind: read() for kind, read in self.readers.items()}
        arrays = sorted(cache_path('features', 'Pictures').rglob('*.npy'))
        self.entries['image array'] = next(p for p in arrays if not p.name.startswith('found'))
        self.whole = {kind: entry.read_bytes() for kind, entry in self.entries.items()}
        self.others = self._other_entries()
        for kind, entry in self.entries.items(): shutil.copy(entry, self._folder(kind)/('entry' + entry.suffix))

    def _other_entries(self):
        "Whole entries of another clip and another seed"
        clip, run = self.samples('video')[1], Run(toy_run, Setting(), Data(), seed=1)
        cached(Brightness(), clip), run_all([run]), predict_cached(clip, self.model)
        return {'feature': feature_entry(Brightness(), clip), 'run record': run.file,
                'prediction': cache_entry(clip, self.model)}

    def _read_feature(self):
        feature = cached(Brightness(), self.clip)
        notes = [asdict(n) for n in feature.notes if n.part != 'cache']
        return [*((k, v.dtype, v.tolist()) for k, v in sorted(feature.arrays.items())), notes]

    def read_rows(self):
        "Rows of the feature, which may be read without the others"
        return cached_rows(Brightness(), self.clip, 'x', 2, 5).tolist()

    def _read_run(self):
        result = run_all([Run(toy_run, Setting(), Data())])[0]
        return [result.predictions.to_dict(), result.history.to_dict(), result.metadata, result.curves]

    def _read_prediction(self): return asdict(predict_cached(self.clip, self.model))

    def _read_images(self):
        pixels, found = self.images.load_aligned(48, self.images.images, whole_face)
        if not isinstance(pixels, np.ndarray): raise Believed('another kind of file taken for an array')
        return pixels.dtype, pixels.tolist(), found.tolist()

# Attempts: each returns where there is an answer, and raises otherwise --------------------------------------------

def run_command(*words):
    "Exit code and standard output of `emotiw words`; a `UserError` with the command's own line if it has failed"
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ['emotiw', *map(str, words)]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try: cli.main()
        except SystemExit as e: code = e.code or 0
    lines = [line for line in err.getvalue().splitlines() if line.startswith('emotiw: ')]
    if 'Traceback' in err.getvalue(): raise AssertionError('a traceback was printed')
    if code not in (0, 3): raise UserError('\n'.join(lines).removeprefix('emotiw: '))
    return out.getvalue()

def try_prediction(bench, file):
    "Predict a video, sound or picture"
    row, = json.loads(run_command('predict', file, '--model', bench.model, '--json'))
    assert row['emotion'] or row['reason']

def try_manifest(bench, file):
    "Open and check a corpus"
    repr(check(open_corpus(str(file))))

def try_image_set(bench, file):
    "Open an image set and read all pictures"
    source = file if file.suffix == '.zip' else file.parent
    for images in open_image_sets(str(source)).values():
        count_emotions(images.images)
        images.load_all(48)

def try_zip(bench, file):
    "Unpack a zip"
    unpack(file, file.parent/'out')
    written = list((file.parent/'out').rglob('*'))
    assert not any(p.is_symlink() for p in written)

def try_weights(bench, file):
    "Add weights and load them"
    shutil.rmtree(cache_path('weights'), ignore_errors=True)
    cache_path('weights-pins.json').unlink(missing_ok=True)
    try: add_weights('fuzz', file)
    except UserError:
        assert not cache_path('weights').exists() and not cache_path('weights-pins.json').exists()
        raise
    load_weights(backbone('small'), 'fuzz')

def try_entry(kind, bench, file):
    "Read a damaged entry of a cache: what it held must come back"
    entry = bench.entries[kind]
    try:
        reads = [(bench.readers[kind], bench.truth[kind])]
        if kind == 'feature': reads.insert(0, (bench.read_rows, bench.truth[kind][2][2][2:5]))
        for read, truth in reads:
            entry.write_bytes(file.read_bytes())
            if repr(read()) != repr(truth): raise Believed('damaged entry believed')
    finally:
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.write_bytes(bench.whole[kind])

def try_parameters(bench, file):
    "Plan a rebuild with these parameters of a table notebook"
    values = json.loads(file.read_text())
    parse_weights(values['weights'])
    parameters = {k: values[k] for k in ('corpus', 'scale', 'folds', 'images', 'voices')}
    parameters['corpus'] = parameters['corpus'] or str(bench.root/'samples'/'manifest'/'clips.csv')
    parameters['images'] = parameters['images'] or str(bench.root/'fer')
    make_plan([values['only']], file.parent/'reports', parameters)

ENTRIES = 'feature', 'image array', 'run record', 'prediction'
ATTEMPTS = {'video': try_prediction, 'sound': try_prediction, 'picture': try_prediction, 'manifest': try_manifest,
            'image set': try_image_set, 'zip': try_zip, 'weights': try_weights,
            **{kind: partial(try_entry, kind) for kind in ENTRIES}, 'parameters': try_parameters}
KINDS = list(ATTEMPTS)

# One input -------------------------------------------------------------------------------------------------------

def _odd(kind, sample, bench, folder, rng):
    "A whole but unusual file of a kind; of a cache, the entry of something else"
    if kind in bench.others: return damage.replaced(sample, [bench.others[kind]], folder, rng)
    if kind in ('video', 'sound', 'picture'): return getattr(damage, f'odd_{kind}')(folder, rng)
    if kind == 'zip': return damage.odd_zip(folder, rng)
    if sample.suffix == '.csv':
        return (damage.odd_manifest if kind == 'manifest' else damage.odd_table)(sample, folder, rng)
    if kind == 'weights': return getattr(damage, f'odd_{sample.suffix[1:]}')(sample, folder, rng)
    return damage.damaged(sample, damage.doubled, folder, rng)

DAMAGE_NAMES = [f.__name__ for f in BYTE_DAMAGES] + ['wrong extension', 'wrong container', 'odd']

@dataclass(frozen=True)
class Input:
    "A damaged input, equal for equal numbers and seeds, but for the times and folders that entries of a cache hold"
    number: int
    seed: int

    @property
    def kind(self): return KINDS[self.number % len(KINDS)]

    @property
    def damage(self):
        round_, place = divmod(self.number, len(KINDS))
        return DAMAGE_NAMES[(round_ + 5*place + self.seed) % len(DAMAGE_NAMES)]

    def write(self, bench, folder):
        "Write the file into `folder`, with what belongs to it"
        rng = np.random.default_rng([self.seed, self.number])
        samples = bench.samples(self.kind)
        sample = samples[rng.integers(len(samples))]
        if self.kind == 'parameters': return self._write_parameters(sample, folder, rng)
        if self.kind == 'manifest': (folder/'clips').symlink_to(bench.root/'samples'/'manifest'/'clips')
        if sample.name == 'fer2013new.csv': shutil.copy(sample.with_name('fer2013.csv'), folder)
        if self.damage == 'odd': return _odd(self.kind, sample, bench, folder, rng)
        if self.damage == 'wrong extension': return damage.renamed(sample, folder, rng)
        if self.damage == 'wrong container':
            others = [p for kind in KINDS if kind != self.kind for p in bench.samples(kind)]
            return damage.replaced(sample, others, folder, rng)
        return damage.damaged(sample, getattr(damage, self.damage), folder, rng)

    def _write_parameters(self, sample, folder, rng):
        "Parameters of which one is damaged"
        values = json.loads(sample.read_text())
        name = damage._pick([k for k, v in values.items() if v], rng)
        function = getattr(damage, self.damage, damage.flipped)
        values[name] = function(values[name].encode(), rng).decode(errors='replace')
        if self.damage == 'odd':
            name = damage._pick(list(values), rng)
            values[name] = damage._pick(damage.PATHS[:-1], rng)
        path = folder/'parameters.json'
        path.write_text(json.dumps(values))
        return path

@dataclass(frozen=True)
class Result:
    "What became of an input"
    number: int
    kind: str
    damage: str
    outcome: str          # 'answered', 'named', 'caught' (named, by an error that nobody foresaw) or 'fault'
    reason: str = ''
    seconds: float = 0.   # CPU
    megabytes: float = 0. # Resident, above that before

def _place(error):
    "Where in the package an error was raised"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if '/emotiw/' in f.filename]
    if not frames: return ''
    return f' ({frames[-1].filename.rpartition("/emotiw/")[2]}:{frames[-1].lineno})'

def _names(message, bench, file):
    "Does `message` name the input?"
    names = [file.name, str(file.parent), file.parent.name]
    if file.name == 'parameters.json':
        values = json.loads(file.read_text())
        changed = [v for k, v in values.items() if v != PARAMETERS[k]]
        parts = [part.strip() for v in changed for part in v.split(',')]
        names += [repr(v) for v in changed] + list(values) + parts
        names += [str(Path(part).expanduser()) for part in parts if part.startswith('~/')]
    if file.name == 'clips.csv': names += [p for p in damage.PATHS if p.startswith('/')]     # the file it points at
    # of a long line the middle is left out, so a long name counts by its beginning
    return any(name and cli.one_line(name)[:cli.MAX_MESSAGE//3] in message for name in names)

def _judge(bench, file, error):
    "Outcome and reason of an attempt that raised `error`"
    if not isinstance(error, UserError):
        text = ' '.join(f'{type(error).__name__}: {error}'.split())[:160]
        return 'fault', f'{text}{_place(error)}'
    message = cli.one_line(error)
    if str(error).strip() == '': return 'fault', 'failed without a line'
    if not _names(message, bench, file): return 'fault', f'not named: {message[:200]}{_place(error)}'
    return ('caught' if 'please report this' in message else 'named'), message.replace(str(file.parent), '')[:160]

def _left_over(bench, folder, before, outcome):
    "What an input has left half-written; '' for nothing"
    partial_ = [p for base in (bench.root/'home', folder) for p in base.rglob('.partial-*')]
    new = {p.name for p in folder.iterdir()} - before - ({'out'} if outcome == 'answered' else set())
    return f'left behind: {sorted({p.name for p in partial_} | new)}' if partial_ or new else ''

def _status(name):
    "A size from this process' status, bytes"
    return int(re.search(rf'{name}:\s+(\d+) kB', Path('/proc/self/status').read_text())[1])*1024

def _reset_peak():
    "Measure the largest resident memory anew; the memory now, bytes"
    Path('/proc/self/clear_refs').write_text('5')
    return _status('VmRSS')

def try_input(bench, item):
    "Write an input, try it, and judge what came of it"
    folder = bench.root/'cases'/f'case{item.number}'
    folder.mkdir(parents=True)
    file = item.write(bench, folder)
    before = {p.name for p in folder.iterdir()}
    memory, start = _reset_peak(), time.process_time()
    outcome, reason = 'answered', ''
    try: ATTEMPTS[item.kind](bench, file)
    except Exception as e: outcome, reason = _judge(bench, file, e)
    seconds, megabytes = time.process_time() - start, (_status('VmHWM') - memory)/1e6
    if left := _left_over(bench, folder, before, outcome): outcome, reason = 'fault', left
    if seconds > CPU_SECONDS: outcome, reason = 'fault', f'took {seconds:.0f} s'
    if megabytes > MEGABYTES: outcome, reason = 'fault', f'took {megabytes:.0f} MB'
    shutil.rmtree(folder)
    return Result(item.number, item.kind, item.damage, outcome, reason, round(seconds, 3), round(megabytes, 1))

# Many inputs -----------------------------------------------------------------------------------------------------

def _work(bench, items, pipe):
    "Try `items` and write each result to `pipe`; runs in a process of its own, which ends here"
    code = 1
    try:
        errors = os.fdopen(os.dup(2), 'w')
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)       # decoders write to it as they like
        limit = _status('VmSize') + ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        with os.fdopen(pipe, 'w') as out:
            for item in items:
                used = int(time.process_time())
                resource.setrlimit(resource.RLIMIT_CPU, (used + 2*CPU_SECONDS, resource.RLIM_INFINITY))
                result = try_input(bench, item)
                out.write(json.dumps(asdict(result)) + '\n')
                out.flush()
        code = 0
    except Exception: traceback.print_exc(file=errors)     # of the generator, not of the package
    finally: os._exit(code)

def _lines(pipe):
    "Lines from `pipe` until it ends; None where none comes in time"
    text = b''
    while True:
        ready, _, _ = select.select([pipe], [], [], WALL_SECONDS)
        chunk = os.read(pipe, 65536) if ready else None
        if chunk is None: yield None
        if not chunk: return
        *lines, text = (text + chunk).split(b'\n')
        yield from lines

def _run_batch(bench, items):
    "Results of `items`, of which the last may be that of one that ended its process"
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        _work(bench, items, write)
    os.close(write)
    results, hangs = [], False
    for line in _lines(read):
        if line is None:
            hangs = True
            os.kill(child, signal.SIGKILL)
        else: results.append(Result(**json.loads(line)))
    os.close(read)
    _, status = os.waitpid(child, 0)
    if len(results) < len(items):
        item = items[len(results)]
        ended = f'its process ended with {os.waitstatus_to_exitcode(status)}'
        why = f'no answer in {WALL_SECONDS} s' if hangs else ended
        results.append(Result(item.number, item.kind, item.damage, 'fault', why))
        shutil.rmtree(bench.root/'cases'/f'case{item.number}', ignore_errors=True)
    return results

def run_inputs(bench, numbers, seed, progress=lambda n: None):
    "Results of the inputs with these numbers"
    items, results = [Input(number, seed) for number in numbers], []
    while len(results) < len(items):
        results += _run_batch(bench, items[len(results):len(results) + BATCH])
        progress(len(results))
    return results
