"Two hundred damaged copies of clips in one folder: `emotiw predict` answers or names every one"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import json
from pathlib import Path
import cv2
import numpy as np
import pytest
from robustness.damage import DAMAGES
from test_predict import answer, film, room, toy, voice  # noqa: F401 (`toy` is a fixture)
from emotiw.core import EMOTIONS
from emotiw.inference import predict as predict_module

N_DAMAGED = 200

def small_clips(folder):
    "Short clips in several containers and codecs"
    folder.mkdir()
    images = [room((240, 320), head=.4)]*12
    for name, codec in ('a.avi', 'mpeg4'), ('b.mp4', 'h264'), ('c.mkv', 'mpeg4'), ('d.webm', 'libvpx'):
        rate = 48000 if name == 'd.webm' else 16000
        film(folder/name, images, fps=10, sound=voice(1.2, rate), rate=rate, codec=codec)
    for name in 'e.wav', 'f.mp3', 'g.flac': film(folder/name, [], sound=voice(1.2))
    film(folder/'h.ogg', [], sound=voice(1.2, 48000), rate=48000)
    for name in 'i.png', 'j.jpg': cv2.imwrite(str(folder/name), images[0][..., ::-1])
    return sorted(folder.iterdir())

@pytest.fixture
def folder(tmp_path):
    "Whole clips, and damaged copies of them"
    whole = small_clips(tmp_path/'clips')
    for k in range(N_DAMAGED):
        clip = whole[k % len(whole)]
        damage = DAMAGES[k//len(whole) % len(DAMAGES)]
        data = damage(clip.read_bytes(), np.random.default_rng(k))
        (tmp_path/'clips'/f'{clip.stem}{k}{clip.suffix}').write_bytes(data)
    return tmp_path/'clips'

def check_row(row):
    "A row has an error that names the file, or a label with probabilities, or a reason why there is none"
    if 'error' in row: assert row['error'].startswith(f"{row['path']}: ") and '\n' not in row['error']
    elif row['emotion']: assert row['emotion'] in EMOTIONS and len(row['probabilities']) == len(EMOTIONS)
    else: assert row['reason'] == 'no face and no sound' and row['probabilities'] == {}

def test_every_file_is_answered_or_named(toy, folder, capsys):  # noqa: F811
    code, out, lines = answer(capsys, folder, '--model', toy, '--json')
    rows = {Path(row['path']).name: row for row in json.loads(out)}
    assert code == 1 and rows.keys() == {p.name for p in folder.iterdir()} and len(rows) == N_DAMAGED + 10
    for row in rows.values(): check_row(row)
    whole = [row for name, row in rows.items() if not any(c.isdigit() for c in Path(name).stem)]
    assert len(whole) == 10 and all(row['emotion'] for row in whole)
    n_named = sum('error' in row for row in rows.values())
    assert 0 < n_named < N_DAMAGED/2
    assert len(lines) == n_named + 1 and lines[-1] == f'emotiw: {n_named} of {len(rows)} files could not be read'

def fail_at(monkeypatch, name, error):
    "Reading the file `name` raises `error`"
    def iter_windows_or_fail(path, *args, **options):
        if path.name == name: raise error
        return iter_windows(path, *args, **options)
    iter_windows = predict_module.iter_windows
    monkeypatch.setattr(predict_module, 'iter_windows', iter_windows_or_fail)

@pytest.mark.parametrize('error', [AttributeError("no attribute 'rate'"), ValueError('two\nlines'), MemoryError()])
def test_whatever_a_decoder_raises_is_the_reason_of_its_file(error, toy, tmp_path, monkeypatch, capsys):  # noqa: F811
    for k, name in enumerate(['a.wav', 'b.wav', 'c.wav']): film(tmp_path/name, [], sound=voice(1 + k/10))
    fail_at(monkeypatch, 'b.wav', error)
    code, out, lines = answer(capsys, tmp_path, '--model', toy, '--json')
    a, b, c = json.loads(out)
    assert code == 1 and a['emotion'] and c['emotion'] and len(lines) == 2
    assert f'b.wav: cannot be analysed ({type(error).__name__}' in b['error'] and '\n' not in b['error']

def test_an_interruption_ends_the_command(toy, tmp_path, monkeypatch, capsys):  # noqa: F811
    film(tmp_path/'a.wav', [], sound=voice(1.5))
    fail_at(monkeypatch, 'a.wav', KeyboardInterrupt())
    code, out, lines = answer(capsys, tmp_path, '--model', toy, '--json')
    assert (code, out) == (130, '') and 'interrupted' in lines[0]
