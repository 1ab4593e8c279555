"The model that comes with the package: its file, its card, the page of its numbers"
from emotiw import cli
import csv
import pytest
from emotiw.core import EMOTIONS
from emotiw.data.load import open_corpus
from emotiw.inference.model import load_card, load_model
from emotiw.inference.predict import predict
from repository import root

FILE = root/'emotiw/emotiw-small.safetensors'

def test_it_is_small_and_whole():
    "Its hash is checked against weights.toml on loading"
    net = load_model()
    assert FILE.stat().st_size < 12e6 and all(p.isfinite().all() for p in net.parameters())
    assert len(net.members) >= 1 and not set(net.emotions) - set(EMOTIONS)

def test_the_card_is_the_report():
    "Every accuracy of the card stands in the table that the run wrote"
    with open(root/'reports/bundled/bundled.csv') as f: rows = {r['']: r for r in csv.DictReader(f)}
    for view, a in load_card()['accuracy'].items():
        row = rows[f'{view}, all members']
        assert row['k_of_n'] == a['k_of_n']
        assert all(abs(float(row[k]) - value) < .06 for k, value in a.items() if not isinstance(value, str))
        assert {'ours', 'low', 'high'} < set(a)

def test_the_card_says_what_a_user_must_know():
    c = load_card()
    assert not c['synthetic'] and set(c['trained_on']) == {'ferplus', 'java_sed'}
    assert all(t['terms'] for t in c['trained_on'].values())
    assert 'Disgust' in c['emotions']['face'] and 'Disgust' not in c['emotions']['sound']
    assert any('Disgust' in limit for limit in c['limits'])
    for view, rows in c['reliability'].items():
        assert sum(r['of'] for r in rows) == 192 and all(r['right'] <= r['of'] for r in rows), view

def test_disgust_reaches_the_answer():
    "With a neutral voice pictures of Disgust are still taken for it, and hardly any clip of a corpus without it is"
    d = load_card()['disgust']
    assert d['emotion'] == 'Disgust' and d['with_a_neutral_voice'] >= .7*d['alone'] > 0
    assert max(d['false_alarms'].values()) <= .1*192

def test_a_clip_has_a_label():
    clip = open_corpus('synthetic', 'tiny').clips.path.iloc[0]
    p = predict(clip)
    assert p.emotion in EMOTIONS and p.by == 'faces and sound'
    assert abs(sum(p.probabilities.values()) - 1) < 1e-4 and p.record['of'] > 10

def test_the_card_in_words(capsys, monkeypatch):
    monkeypatch.setattr('sys.argv', ['emotiw', 'card'])
    with pytest.raises(SystemExit) as done: cli.main()
    output = capsys.readouterr().out
    assert done.value.code == 0 and 'Java-SED' in output and 'Disgust' in output
    assert load_card()['accuracy']['both']['k_of_n'] in output

def test_on_a_corpus_that_it_was_not_trained_on():
    "Better than a guess, on drawn faces and synthetic voices: a floor, not a number to quote"
    clips = open_corpus('synthetic', 'tiny').clips
    right = sum(predict(p).emotion == e for p, e in zip(clips.path, clips.emotion))
    assert right > len(clips)/7
