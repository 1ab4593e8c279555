"A corpus of more clips than an extraction may have tasks goes through a real scheduler; `many_clips.py` has 100,000"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
from cluster.many_clips import extract_many
from emotiw.features.cache import MAX_TASKS


def test_more_clips_than_tasks(tmp_path):
    paths, notes, n_tasks, costs = extract_many(5000, tmp_path/'home')
    assert list(notes) == list(paths) and set(notes.values()) == {()}
    assert n_tasks['FileLength, 2 clips each'] == 2500 <= MAX_TASKS
    assert costs['seconds'] < 20 and costs['bytes'] < 200e6, costs
