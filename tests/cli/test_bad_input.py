"Every wrong input gets one line that names it, an exit code, and leaves nothing half-written"
from emotiw import cli
import sys
import numpy as np
import pandas as pd
import pytest
import torch
from torchvision import models
from emotiw.core import temporary_home
from emotiw.features.video import write_clip
from emotiw.models.networks import backbone
from emotiw.reproducibility import reproducible


def film(path, n=8, seconds=.5):
    "A small grey film with a hum"
    frames = [np.full((48, 64, 3), 40 + 5*i % 200, np.uint8) for i in range(n)]
    return write_clip(path, frames, 25, np.sin(np.arange(int(16000*seconds))/9).astype(np.float32)/4)

def manifest(folder, rows, columns=('path', 'emotion', 'split')):
    "A corpus of one's own"
    folder.mkdir(exist_ok=True)
    pd.DataFrame(rows, columns=list(columns)).to_csv(folder/'clips.csv', index=False)
    return folder/'clips.csv'

def good(folder, clip='a.avi'):
    "Four clips, two emotions, two parts"
    names = [clip, 'b.avi', 'c.avi', 'd.avi']
    csv = manifest(folder, list(zip(names, ['Happy', 'Sad']*2, ['train', 'train', 'val', 'val'])))
    for i, n in enumerate(names): film(folder/n, 8 + i, .5 + .1*i)
    return csv

def renamed_emotion(folder, name):
    "The good corpus with `name` in the place of Sad"
    csv = good(folder)
    csv.write_text(csv.read_text().replace('Sad', name))
    return csv

def empty_folder(folder):
    (folder/'empty').mkdir()
    return folder/'empty'

def missing_column(folder):
    return manifest(folder, [['a.avi', 'train']], ['path', 'split'])

def missing_clip(folder):
    csv = good(folder)
    (folder/'b.avi').unlink()
    return csv

def missing_splits(folder):
    csv = good(folder)
    pd.read_csv(csv).drop(columns='split').to_csv(csv, index=False)
    return csv

@pytest.fixture(scope='module')
def home():
    "One EMOTIW_HOME for all: what is computed for one test serves the next"
    with temporary_home() as scratch: yield scratch.path

def run(capsys, *words):
    "Exit code of `emotiw words`, and its own lines on stderr"
    sys.argv = ['emotiw', *map(str, words)]
    with pytest.raises(SystemExit) as e: cli.main()
    lines = capsys.readouterr().err.strip().splitlines()
    return e.value.code, [line for line in lines if line.startswith('emotiw: ')]

@pytest.mark.parametrize('make_corpus, expected', [
    (lambda folder: folder/'nowhere', 'nowhere'), (empty_folder, 'empty'), (missing_column, 'emotion'),
    (lambda folder: renamed_emotion(folder, 'Bored'), "unknown emotion 'Bored'"),
    (lambda folder: renamed_emotion(folder, 'Happy'), 'Happy only'), (missing_clip, 'b.avi'),
    (missing_splits, 'name a split')])
def test_bad_corpus_is_refused_in_one_line(make_corpus, expected, tmp_path, home, capsys):
    code, lines = run(capsys, 'tables', '--corpus', make_corpus(tmp_path), '--reports', tmp_path/'reports')
    assert code == 1 and len(lines) == 1 and expected in lines[0], lines
    assert not (tmp_path/'reports').exists()

def test_groups_of_a_corpus_without_groups(tmp_path, home, capsys):
    corpus = good(tmp_path)
    code, lines = run(capsys, 'tables', '--corpus', corpus, '--folds', 'group', '--reports', tmp_path/'reports')
    assert code == 1 and len(lines) == 1 and '4 of 4 labelled clips have no group' in lines[0], lines

@pytest.mark.parametrize('words, expected', [
    ('tables --scale huge', "unknown scale 'huge'"), ('tables --only zhou2019_table9', "no table 'zhou2019_table9'"),
    ('tables --only zhou2019_table9 --only x', "no table 'zhou2019_table9', 'x'; the tables are ding2016_confusion"),
    ('tables --seeds 0', '--seeds 0: must be at least 1'), ('tables --seeds -2', 'must be at least 1'),
    ('tables --workers 0', '--workers 0: must be'), ('tables --workers -1 --dry-run', '--workers -1: must be'),
    ('compare nowhere', 'nowhere: no such folder'),
    ('tables --scale tiny --folds day', "'day'"), ('tables --scale tiny --images nowhere', 'nowhere'),
    ('tables --scale tiny --voices nowhere', 'voices nowhere'), ('tables --scale tiny --folds group:1', 'group:K'),
    ('submit --corpus nowhere', 'nowhere'), ('submit --corpus synthetic --scale tiny', 'no test part'),
    ('submit --corpus synthetic --out .', 'is there already'),
    ('submit --corpus synthetic --submission 1', 'there is no FG-Net-1'),
    ('cache --clear --extractor Nonsense', 'Nonsense'), ('cache --extractor Egemaps', 'add --clear'),
    ('cache --days 5', 'add --clear'),
    ('tables --scale tiny --weights ir50', "weights 'ir50': write NETWORK=NAME"),
    ('tables --scale tiny --weights ir100=x', "no table has a network 'ir100'; networks: alexnet"),
    ('tables --scale tiny --random ir100', "no table has a network 'ir100'"),
    ('tables --scale paper --weights ir50=nothing', 'weights nothing: no such weights; names: '),
    ('tables --scale paper --weights ir50=vggface', 'weights vggface: are for vggface, not for ir50'),
    ('tables --scale tiny --weights resnet18=resnet18-ms1m', 'have all channels of resnet18'),
    ('tables --scale paper --only zhou2019_table1', 'needs start weights (vggface: emotiw weights fetch vggface; '),
    ('submit --corpus synthetic --scale paper', 'ir50: emotiw weights add ir50-ms1m FILE'),
    ('submit --corpus synthetic --weights train', "weights 'train': write NETWORK=NAME"),
    ('weights add nothing x.pth', 'nothing: no such weights; names: '),
    ('weights add ir50-ms1m nowhere.pth', 'nowhere.pth: weights cannot be read'),
    ('weights add dlib-face x.dat', 'comes with the package face_recognition_models'),
    ('weights fetch ir50-ms1m', 'no address that a program can fetch')])
def test_wrong_options_are_refused_in_one_line(words, expected, home, capsys):
    code, lines = run(capsys, *words.split())
    assert code == 1 and len(lines) == 1 and expected in lines[0], lines

def write_file(path, kind):
    "A file that is not the weights of IR50 on MS-Celeb-1M"
    def lose_a_layer(state): return {k: v for k, v in state.items() if not k.startswith('body.3.')}
    if kind == 'pickle': torch.save(pd.DataFrame(dict(a=[1])), path)
    elif kind == 'another network': torch.save(models.alexnet().features.state_dict(), path)
    else:
        with reproducible(0): torch.save(lose_a_layer(backbone('ir50').net.state_dict()), path)
    if kind == 'truncated': path.write_bytes(path.read_bytes()[:10**6])

@pytest.mark.parametrize('kind, expected', [
    ('pickle', 'convert it in an environment of its own: python -c'), ('truncated', 'cannot be read as weights'),
    ('another network', 'does not fit ir50: input_layer.0.weight is missing'),
    ('missing layer', 'does not fit ir50: body.3.')])
def test_weights_that_do_not_fit_are_refused_in_one_line(kind, expected, tmp_path, capsys):
    write_file(tmp_path/'file.pth', kind)
    with temporary_home() as scratch:
        code, lines = run(capsys, 'weights', 'add', 'ir50-ms1m', tmp_path/'file.pth')
        assert code == 1 and len(lines) == 1 and expected in lines[0], lines
        assert not (scratch.path/'weights').exists() and not (scratch.path/'weights-pins.json').exists()

def test_folder_that_is_no_report(tmp_path, capsys):
    for folder in tmp_path, tmp_path/'absent':
        code, lines = run(capsys, 'compare', folder, tmp_path)
        assert code == 1 and len(lines) == 1 and f'{folder}: no ' in lines[0] and 'emotiw tables' in lines[0], lines

def test_cache_that_cannot_be_written(tmp_path, monkeypatch, capsys):
    (tmp_path/'file').write_text('')
    monkeypatch.setenv('EMOTIW_HOME', str(tmp_path/'file'/'home'))
    code, lines = run(capsys, 'tables', '--scale', 'tiny')
    assert code == 1 and len(lines) == 1, lines
    assert 'cannot be written' in lines[0] and 'EMOTIW_HOME' in lines[0]

def test_odd_clips_do_not_stop_a_check(tmp_path, home, capsys):
    csv = good(tmp_path, 'zażółć 表情.avi')
    film(tmp_path/'b.avi', 1, .1)                          # one frame, 0.1 s of sound
    (tmp_path/'c.avi').write_text('this is not a film')
    whole = film(tmp_path/'d.avi', 60, 2.4).read_bytes()
    (tmp_path/'d.avi').write_bytes(whole[:len(whole)//2])
    sys.argv = ['emotiw', 'check', str(csv)]
    try: cli.main()
    except SystemExit as e: assert not e.code
    out = capsys.readouterr().out
    assert 'c.avi' in out or 'val/c' in out
    assert 'truncated' in out or 'damaged' in out
