"""`extract` of very many tiny clips through a scheduler and two workers: python tests/cluster/many_clips.py [CLIPS]"""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import os
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock
import numpy as np
import psutil
from emotiw.experiments.cluster import local_cluster
from emotiw.features.cache import Extractor, Feature, extract


@dataclass(frozen=True)
class FileLength(Extractor):
    "Bytes of a file"
    def __call__(self, path): return Feature(dict(n=np.array([Path(path).stat().st_size])))

def write_clips(folder, n):
    "Clip id -> file, for `n` files in `folder` that differ"
    paths = {f'clip{k}': folder/f'{k}.bin' for k in range(n)}
    for k, path in enumerate(paths.values()): path.write_text(str(k))
    return paths

def extract_many(n, home):
    "Extract `n` tiny clips on two workers, in the empty folder `home`: notes, task counts and costs"
    (home/'clips').mkdir(parents=True)
    paths = write_clips(home/'clips', n)
    with mock.patch.dict(os.environ, EMOTIW_HOME=str(home)), local_cluster(2) as client:
        command = psutil.Process()
        memory, start = command.memory_info().rss, time.process_time()
        notes = extract(FileLength(), paths, client)
        costs = dict(seconds=time.process_time() - start, bytes=command.memory_info().rss - memory)
        prefixes = client.cluster.scheduler.task_prefixes
        n_tasks = {name: prefix.state_counts['memory'] for name, prefix in prefixes.items()}
    return paths, notes, n_tasks, costs


if __name__ == '__main__':
    many_clips = import_module('many_clips')   # where workers find `FileLength`
    n = int(sys.argv[1]) if sys.argv[1:] else 100_000
    with TemporaryDirectory() as folder:
        paths, notes, n_tasks, costs = many_clips.extract_many(n, Path(folder)/'home')
    assert list(notes) == list(paths)
    print(f"{n} clips, tasks {n_tasks}: command and scheduler {costs['seconds']:.1f} s of processor time, "
          f"{costs['bytes']/1e6:.0f} MB more memory")
