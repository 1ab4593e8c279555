"`emotiw predict` on every kind of file; each file is written for its test"
from emotiw import cli
import csv
import io
import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import partial
from multiprocessing import get_context
from pathlib import Path
import av
import cv2
import numpy as np
import pytest
from emotiw.core import EMOTIONS, temporary_home
from emotiw.experiments.experiment import open_experiment
from emotiw.experiments.runs import Run, run_all
from emotiw.inference import paper_models
from emotiw.inference.model import AudioVisualEnsemble, save_model
from emotiw.inference.paper_models import predict_clips
from emotiw.inference.predict import predict, predict_person
from emotiw.models.blstm import BLSTMConfig, train_blstm
from emotiw.papers.ding2016 import SCALES
from emotiw.reproducibility import reproducible
from emotiw.synthetic.corpus import synthetic_corpus
from emotiw.synthetic.face_geometry import Pose, person
from emotiw.synthetic.face_rendering import draw_face
from emotiw.synthetic.scenes import backdrop
from emotiw.synthetic.speech import Voice, utter


@pytest.fixture(scope='module')
def toy():
    "A model of random numbers: its predictions mean nothing, but they are predictions"
    with temporary_home() as scratch:
        path = scratch.path/'toy.safetensors'
        with reproducible(0): model = AudioVisualEnsemble(2)
        for expert in [*model.strangers.values(), *model.adapted.values()]: expert.std[:] = 50.
        save_model(model, path, {})
        yield path

def room(size=(360, 480), people=1, head=.3):
    "People side by side"
    h, w = size
    image = cv2.resize(backdrop((360, 480), np.random.default_rng(3)), (w, h))
    for k in range(people):
        pose = Pose(w*(k + .5)/people, .45*h, head*h)
        image = draw_face(person(k + 2), dict(AU12=.6), pose, scene=image)
    return image

SOUND_CODECS = {'.mp4': 'aac', '.mp3': 'mp3', '.flac': 'flac', '.webm': 'libopus', '.ogg': 'libopus'}

def film(path, images, fps=25, times=None, rotation=0, sound=None, rate=16000, layout='mono', codec='mpeg4',
         pix_fmt='yuv420p'):
    "A file of pictures, at `times` (ms) or `fps`, and sound"
    with av.open(str(path), 'w', options=dict(fflags='+bitexact')) as out:    # without random ids
        if len(images):
            height, width = images[0].shape[:2]
            units = fps if times is None else 1000     # of a presentation time, per second
            v = out.add_stream(codec, rate=units, pix_fmt=pix_fmt, width=width, height=height)
            if rotation: v.set_display_rotation(rotation)
        s = None
        sound_codec = SOUND_CODECS.get(path.suffix, 'pcm_s16le')
        if sound is not None: s = out.add_stream(sound_codec, rate=rate, layout=layout)
        for i, x in enumerate(images):
            f = av.VideoFrame.from_ndarray(np.ascontiguousarray(x), format='rgb24')
            f.pts = i if times is None else times[i]
            f.time_base = Fraction(1, units)
            out.mux(v.encode(f))
        if len(images): out.mux(v.encode(None))
        if s is not None:
            pcm = np.repeat((sound*32767).astype(np.int16), av.AudioLayout(layout).nb_channels)[None]
            f = av.AudioFrame.from_ndarray(pcm, format='s16', layout=layout)
            f.sample_rate, f.time_base, f.pts = rate, Fraction(1, rate), 0
            for packet in _encoded(s, [f]): out.mux(packet)
    return path

def _encoded(stream, frames):
    "The packets of `frames` in the format that `stream` wants"
    codec = stream.codec_context
    size = codec.frame_size or 1024
    resampler = av.AudioResampler(codec.format or 's16', codec.layout, codec.sample_rate, frame_size=size)
    for frame in (*frames, None):
        for resampled in resampler.resample(frame): yield from stream.encode(resampled)
    yield from stream.encode(None)

def voice(seconds=2., rate=16000):
    "Speech"
    x = utter('Happy', Voice(1), seconds, 0)
    return np.interp(np.arange(int(len(x)*rate/16000))*16000/rate, np.arange(len(x)), x).astype(np.float32)

def summary_of(p):
    "The fields of a prediction that do not depend on the model's weights"
    return p.emotion, p.by, p.frames, p.faces, p.people, p.sound

def label(p):
    "A label with probabilities that add up"
    assert p.emotion in EMOTIONS and abs(sum(p.probabilities.values()) - 1) < 1e-4
    assert max(p.probabilities, key=p.probabilities.get) == p.emotion
    return p

def test_a_phone_held_upright(toy, tmp_path):
    lying = [np.rot90(room((480, 360)), -1)]*25
    p = label(predict(film(tmp_path/'phone.mp4', lying, rotation=90), toy))     # the flag turns them back
    assert (p.frames, p.faces, p.people) == (5, 5, 1)
    assert predict(film(tmp_path/'lying.mp4', lying), toy).faces == 0

def test_a_variable_rate_is_sampled_by_time(toy, tmp_path):
    times = [*range(0, 200, 10), 900, 1700, 2000]
    p = label(predict(film(tmp_path/'varying.mkv', [room()]*len(times), times=times), toy))
    assert p.frames == p.faces == 4 and abs(p.seconds - 2) < .2         # those shown from .1, .19, .9 and 1.7 s on

@pytest.mark.parametrize('rate, layout', [(8000, 'mono'), (48000, '5.1'), (44100, 'stereo')])
def test_any_sound(rate, layout, toy, tmp_path):
    p = label(predict(film(tmp_path/'clip.avi', [room()]*50, sound=voice(2., rate), rate=rate, layout=layout), toy))
    assert p.by == 'faces and sound' and p.sound and p.seconds == 2 and p.notes == ()

@pytest.mark.parametrize('name', ['a.wav', 'a.mp4'])
def test_sound_alone(name, toy, tmp_path):
    p = label(predict(film(tmp_path/name, [], sound=voice()), toy))
    assert summary_of(p)[1:] == ('sound', 0, 0, 0, True)
    assert [n.reason for n in p.notes] == ['sound only: no pictures']

def test_a_cover_picture_is_no_video(toy, tmp_path):
    film(tmp_path/'a.wav', [], sound=voice())
    cv2.imwrite(str(tmp_path/'cover.png'), room()[..., ::-1])
    sound, cover = av.open(str(tmp_path/'a.wav')), av.open(str(tmp_path/'cover.png'))
    with sound, cover, av.open(str(tmp_path/'song.mp3'), 'w') as out:
        audio = out.add_stream('mp3', rate=16000, layout='mono')
        picture = out.add_stream_from_template(cover.streams.video[0])
        picture.disposition = av.stream.Disposition.attached_pic
        for packet in cover.demux(video=0):
            if packet.dts is None: continue
            packet.stream = picture
            out.mux(packet)
        for packet in _encoded(audio, sound.decode(audio=0)): out.mux(packet)
    assert label(predict(tmp_path/'song.mp3', toy)).by == 'sound'

def test_a_silent_film(toy, tmp_path):
    p = label(predict(film(tmp_path/'film.avi', [room()]*25), toy))
    assert summary_of(p)[1:] == ('faces', 5, 5, 1, False)
    assert [n.reason for n in p.notes] == ['no sound track: zeros']
    mute = label(predict(film(tmp_path/'mute.avi', [room()]*25, sound=np.zeros(16000, np.float32)), toy))
    assert summary_of(mute) == summary_of(p) and mute.probabilities == p.probabilities
    assert mute.notes[0].reason == 'silent track: zeros'

@pytest.mark.parametrize('name', ['a.jpg', 'a.png', 'a.webp', 'a.bmp'])
def test_a_picture(name, toy, tmp_path):
    cv2.imwrite(str(tmp_path/name), room()[..., ::-1])
    p = label(predict(tmp_path/name, toy))
    assert summary_of(p)[1:] == ('faces', 1, 1, 1, False)

def test_several_people(toy, tmp_path):
    path = film(tmp_path/'two.avi', [room((360, 640), 2)]*50, sound=voice())
    p = label(predict(path, toy, all_faces=True))
    assert (p.people, p.faces, len(p.someone)) == (2, 10, 2)
    left, right = sorted(p.someone, key=lambda s: s.box[0])
    assert left.box[2] < 320 < right.box[0] and left.pictures == right.pictures == 10
    assert left.probabilities != right.probabilities
    assert predict(path, toy).someone == ()

def test_nobody(toy, tmp_path):
    empty = backdrop((360, 480), np.random.default_rng(3))
    p = predict(film(tmp_path/'empty.avi', [empty]*25), toy)
    assert summary_of(p) == (None, 'nothing', 5, 0, 0, False) and p.probabilities == {}
    assert p.reason == 'no face and no sound'
    assert predict(film(tmp_path/'heard.avi', [empty]*50, sound=voice()), toy).by == 'sound'

def test_4k(toy, tmp_path):
    p = label(predict(film(tmp_path/'4k.mp4', [room((2160, 3840))]*3), toy))
    assert p.faces == p.frames == 1
    small = label(predict(film(tmp_path/'hd.mp4', [room((576, 1024))]*3), toy))
    assert max(abs(p.probabilities[e] - small.probabilities[e]) for e in EMOTIONS) < .1

def test_one_frame(toy, tmp_path):
    assert label(predict(film(tmp_path/'one.avi', [room()]), toy)).frames == 1

def test_truncated(toy, tmp_path):
    whole = film(tmp_path/'whole.avi', [room()]*100, sound=voice(4.)).read_bytes()
    (tmp_path/'half.avi').write_bytes(whole[:len(whole)//2])
    p = label(predict(tmp_path/'half.avi', toy))
    assert 1 < p.seconds < 3 and any('truncated' in n.reason for n in p.notes)

def test_windows_do_not_depend_on_each_other(toy, tmp_path):
    "The prediction of a window equals that of the same seconds in a file of their own"
    sounds = [voice(3.), voice(3.)[::-1].copy()]
    pictures = [[room()]*75, [room((360, 480), 1, .35)]*75]
    parts = [predict(film(tmp_path/f'{k}.avi', x, sound=w), toy) for k, (x, w) in enumerate(zip(pictures, sounds))]
    p = predict(film(tmp_path/'both.avi', sum(pictures, []), sound=np.concatenate(sounds)), toy)
    assert [(m.start, m.stop) for m in p.timeline] == [(0, 3), (1, 4), (2, 5), (3, 6)]
    for window, part in zip(p.timeline[::3], parts):
        differences = [abs(window.probabilities[e] - part.probabilities[e]) for e in EMOTIONS]
        assert max(differences) < .02    # not 0: codecs look back

def test_a_curve_over_time(toy, tmp_path):
    "Overlapping windows change neither the counts nor the windows themselves; every second counts the same"
    frames = [room()]*75 + [room((360, 480), 1, .35)]*100
    path = film(tmp_path/'film.avi', frames, sound=voice(7.))
    apart, curve = predict(path, toy, hop=3.), predict(path, toy, all_faces=True)
    assert [(w.start, w.stop) for w in apart.timeline] == [(0, 3), (3, 7)]
    assert [(w.start, w.stop) for w in curve.timeline] == [(k, k + 3) for k in range(5)]
    assert (curve.frames, curve.faces, curve.seconds) == (apart.frames, apart.faces, apart.seconds) == (35, 35, 7)
    first = [w.probabilities['Happy'] for w in (apart.timeline[0], curve.timeline[0])]
    assert abs(first[0] - first[1]) < 1e-5
    assert [w.start for w in curve.someone[0].timeline] == [0, 1, 2, 3, 4] and curve.someone[0].pictures == 35

@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_in_worker_processes(method, toy, tmp_path):
    "Predictions equal those of this process, in which the network was already used"
    clips = [film(tmp_path/f'{k}.avi', [room(people=1 + k % 2)]*25, sound=voice(1.)) for k in range(3)]
    alone = [predict(c, toy) for c in clips]
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        together = list(pool.map(partial(predict, model=toy), clips, timeout=120))
    assert max(abs(a.probabilities[e] - b.probabilities[e]) for a, b in zip(alone, together) for e in EMOTIONS) < 1e-5

# the command

def answer(capsys, *words):
    "Exit code, output, the command's own lines on stderr"
    sys.argv = ['emotiw', 'predict', *map(str, words)]
    code = 0
    try: cli.main()
    except SystemExit as e: code = e.code or 0
    captured = capsys.readouterr()
    return code, captured.out, [line for line in captured.err.splitlines() if line.startswith('emotiw: ')]

@pytest.fixture
def folder(tmp_path):
    "A folder with a clip, one without a face, a broken one and a text"
    film(tmp_path/'a.avi', [room()]*25, sound=voice(1.))
    (tmp_path/'sub').mkdir()
    film(tmp_path/'sub/b.avi', [backdrop((360, 480), np.random.default_rng(3))]*25)
    (tmp_path/'broken.mp4').write_bytes(b'this is no film')
    (tmp_path/'notes.txt').write_text('not a clip')
    return tmp_path

def test_a_folder(toy, folder, capsys):
    code, out, lines = answer(capsys, folder, '--model', toy, '--json')
    rows = {Path(r['path']).name: r for r in json.loads(out)}
    assert code == 1 and set(rows) == {'a.avi', 'b.avi', 'broken.mp4'}
    assert 'not a media file' in rows['broken.mp4']['error']
    assert '1 left out: not known as media files, such as' in lines[0] and lines[0].endswith('notes.txt')
    assert 'broken.mp4' in lines[1] and lines[2:] == ['emotiw: 1 of 3 files could not be read']
    a = rows['a.avi']
    assert a['emotion'] in EMOTIONS and set(a['probabilities']) == set(EMOTIONS)
    assert (a['frames'], a['faces'], a['sound']) == (5, 5, True) and len(a['timeline']) == 1
    assert rows['b.avi']['emotion'] is None

def test_csv(toy, folder, capsys):
    code, out, _ = answer(capsys, folder, '--model', toy, '--csv')
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 1 and [Path(r['path']).name for r in rows] == ['a.avi', 'broken.mp4', 'b.avi']
    assert rows[0]['emotion'] in EMOTIONS and rows[2]['emotion'] == ''
    assert (rows[0]['reason'], rows[2]['reason']) == ('', 'no face and no sound')
    assert 'not a media file' in rows[1]['error'] and rows[0]['notes'] == ''
    assert 'no sound track' in rows[2]['notes']

def test_a_name_that_is_not_utf8(toy, folder, capsys):
    for name in 'a.avi', 'broken.mp4': (folder/name).rename(os.fsdecode(bytes(folder/name) + b'\xe4.avi'))
    outputs = [answer(capsys, folder, '--model', toy, *options)[1] for options in ([], ['--csv'], ['--json'])]
    assert 'a.avi\\udce4.avi  ' in outputs[0]
    for rows in list(csv.DictReader(io.StringIO(outputs[1]))), json.loads(outputs[2]):
        names = [Path(row['path']).name for row in rows]
        assert names == ['a.avi\\udce4.avi', 'broken.mp4\\udce4.avi', 'b.avi']
        assert names[1] in rows[1]['error']

def test_a_full_device(toy, folder):
    command = [sys.executable, '-m', 'emotiw.cli', 'predict', str(folder), '--model', str(toy), '--csv']
    with open('/dev/full', 'w') as full: p = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    *_, last = p.stderr.splitlines()
    assert p.returncode == 1 and last.startswith('emotiw: the output cannot be written')

def test_for_a_person(toy, folder, capsys):
    code, out, _ = answer(capsys, folder/'a.avi', '--model', toy, '--all-faces')
    assert code == 0 and 'a face in 5 of 5 pictures; voice' in out and 'person 1' in out and out.count(' % ') >= 7
    code, out, _ = answer(capsys, folder/'sub', '--model', toy)
    assert code == 3 and 'no face and no sound: no label' in out

def test_a_label_that_is_not_sure_enough(toy, folder, capsys):
    words = folder/'a.avi', '--model', toy, '--min-confidence'
    code, out, _ = answer(capsys, *words, '.99', '--json')
    p, = json.loads(out)
    assert code == 3 and p['emotion'] is None and set(p['probabilities']) == set(EMOTIONS)
    assert p['reason'].endswith(' %, below 99 %') and p['timeline'][0]['emotion'] is None
    code, out, _ = answer(capsys, *words, '.99')
    assert code == 3 and p['reason'] + ': no label' in out
    code, out, _ = answer(capsys, *words, '.1', '--json')
    assert code == 0 and p['reason'].startswith(json.loads(out)[0]['emotion'])

def test_an_interrupted_folder_goes_on(toy, folder, capsys, monkeypatch):
    answer(capsys, folder/'a.avi', '--model', toy)
    import emotiw.inference.predict
    def looked(path, *_, **options): raise AssertionError(f'{path} was decoded again')
    monkeypatch.setattr(emotiw.inference.predict, 'iter_windows', looked)
    code, out, _ = answer(capsys, folder/'a.avi', '--model', toy)
    assert code == 0 and 'a.avi' in out

def test_figures(toy, folder, capsys):
    code, _, _ = answer(capsys, folder/'a.avi', folder/'sub/b.avi', '--model', toy, '--plot', folder/'figures')
    drawn = sorted(p.relative_to(folder/'figures').as_posix() for p in (folder/'figures').rglob('*.png'))
    assert code == 3 and drawn == ['a.avi.png', 'sub/b.avi.png']      # two files of one name have two figures

def test_a_figure_of_several_people(toy, tmp_path, capsys):
    path = film(tmp_path/'two.avi', [room((360, 640), 2)]*100, sound=voice(4.))
    drawings = {}
    for name, words in dict(file=[], people=['--all-faces']).items():
        assert answer(capsys, path, '--model', toy, '--plot', tmp_path/name, *words)[0] == 0
        drawings[name] = cv2.imread(str(tmp_path/name/'two.avi.png'))
    assert drawings['people'].shape[0] > 1.4*drawings['file'].shape[0]

HEAVY = 'lightning', 'distributed', 'matplotlib', 'sklearn', 'torchvision', 'onnx'

COMMAND = """import sys
from emotiw import cli
sys.argv[1:] = ['predict', {clip!r}, '--model', {model!r}]
try: cli.main()
except SystemExit: print([m for m in {heavy} if m in sys.modules])"""

def test_libraries_that_a_prediction_does_not_need_are_not_imported(toy, folder):
    "They would delay the first prediction"
    code = COMMAND.format(clip=str(folder/'a.avi'), model=str(toy), heavy=HEAVY)
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert 'by faces and sound' in done.stdout and done.stdout.splitlines()[-1] == '[]', done.stderr

def test_the_same_person(toy, tmp_path, capsys):
    "Files of one person are judged together; one that cannot be read is named, and the others are judged"
    clips = [film(tmp_path/f'{k}.avi', [room(head=.25 + .03*k)]*25, sound=voice(1. + .2*k)) for k in range(3)]
    (tmp_path/'broken.mp4').write_bytes(b'this is no film')
    code, out, lines = answer(capsys, tmp_path, '--same-person', '--json', '--model', toy, '--plot', tmp_path/'figures')
    rows = {Path(r['path']).name: r for r in json.loads(out)}
    assert code == 1 and 'broken.mp4' in lines[0] and lines[1] == 'emotiw: 1 of 4 files could not be read'
    known = [rows[c.name] for c in clips]
    assert [r['known_from'] for r in known] == [3]*3
    together = predict_person(clips, toy)
    assert [r['probabilities'] for r in known] == [p.probabilities for p in together]
    alone = [predict(c, toy) for c in clips]
    assert all(p.known_from == 0 and p.probabilities != r['probabilities'] for p, r in zip(alone, known))
    assert all((tmp_path/f'figures/{c.name}.png').stat().st_size > 10_000 for c in clips)

def test_a_person_who_stays_is_known(toy, tmp_path, capsys):
    "Followed through eight windows; --no-adapt judges a stranger, and so is one who stays shorter"
    long = film(tmp_path/'long.avi', [room()]*9*25, sound=voice(9.))
    _, out, _ = answer(capsys, long, '--json', '--window', 1, '--all-faces', '--model', toy)
    known, = json.loads(out)
    assert known['known_from'] == 9 and known['someone'][0]['known_from'] == 9
    _, out, _ = answer(capsys, long, '--json', '--window', 1, '--no-adapt', '--model', toy)
    stranger, = json.loads(out)
    assert stranger['known_from'] == 0 and stranger['probabilities'] != known['probabilities']
    assert predict(long, toy).known_from == 0      # three windows of three seconds

def test_the_run_of_a_table(toy, folder, capsys, monkeypatch):
    root = synthetic_corpus(3, 1)
    experiment = open_experiment(SCALES, str(root), 'tiny', None, 'split')
    config = BLSTMConfig(experiment.settings.egemaps, (4,), experiment.settings.schedule)
    result, = run_all([Run(train_blstm, config, experiment.corpus, experiment.folds[0])])
    key = result.run.key
    code, out, lines = answer(capsys, folder, '--model', key[:8], '--corpus', root, '--csv')
    rows = {Path(r['path']).name: r for r in csv.DictReader(io.StringIO(out))}
    assert code == 1 and 'broken.mp4: not a media file' in lines[1]
    assert rows['a.avi']['emotion'] in EMOTIONS and 'which had' in rows['a.avi']['by']
    assert rows['broken.mp4']['emotion'] == ''
    def predict_clips_or_fail(key, clips, corpus):
        if any(clip.name == 'a.avi' for clip in clips): raise ValueError('damaged')
        return predict_clips(key, clips, corpus)
    monkeypatch.setattr(paper_models, 'predict_clips', predict_clips_or_fail)
    code, out, lines = answer(capsys, folder, '--model', key[:8], '--corpus', root, '--csv')
    rows = {Path(r['path']).name: r for r in csv.DictReader(io.StringIO(out))}
    assert code == 1 and 'a.avi: cannot be analysed (ValueError: damaged)' in rows['a.avi']['error']
    assert rows['b.avi']['emotion'] in EMOTIONS and 'not a media file' in rows['broken.mp4']['error']
    monkeypatch.undo()
    wrong = {('--model', 'ffffff', '--corpus', root): 'ffffff: no stored run has a key',
             ('--model', key, '--corpus', 'nowhere'): 'nowhere',
             ('--model', key, '--corpus', root, '--all-faces'): '--same-person need a model that predicts windows'}
    for words, expected in wrong.items():
        code, out, lines = answer(capsys, folder/'a.avi', *words)
        assert (code, out, len(lines)) == (1, '', 1) and expected in lines[0]

@pytest.mark.parametrize('words, expected', [
    ('nowhere.mp4', 'nowhere.mp4: there is no such file'),
    ('. --model nothing', 'nothing: neither a file nor the name of weights'),
    ('. --model abcdef12', 'name the corpus that it was trained on with --corpus'),
    ('. --json --csv', 'choose one of them'),
    ('. --same-person --all-faces', 'leave --all-faces and --no-adapt away'),
    ('. --same-person --no-adapt', 'leave --all-faces and --no-adapt away'),
    ('. --hop 4', '--hop 4: windows of 3 s would leave parts of a file out'),
    ('. --corpus synthetic', "give the run's key, from a report's page, as --model"),
    ('nowhere.mp4 --corpus synthetic --model abcdef12', 'no stored run has a key that begins so')])
def test_wrong_options(words, expected, toy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, _, lines = answer(capsys, *words.split(), *([] if '--model' in words else ['--model', toy]))
    assert code == 1 and len(lines) == 1 and expected in lines[0]
