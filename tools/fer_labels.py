"""Labels of clips by the package fer, for tools/bench.py; in an environment of fer's own: fer_labels.py CLIPS OUT

pip install tensorflow "opencv-contrib-python-headless<5" "setuptools<80" matplotlib tqdm pandas requests pillow
pip install --no-deps fer            (its other dependencies, for sound and for MTCNN, are not used)"""
import json
import re
import sys
import time
from importlib.metadata import version
from pathlib import Path
import cv2
import numpy as np
import tensorflow as tf
from fer.fer import FER

FPS = 5     # frames per second that are labelled


def frames(path):
    "Every n-th frame of a clip, so that about `FPS` per second are left"
    video = cv2.VideoCapture(str(path))
    step, i = max(1, round(video.get(cv2.CAP_PROP_FPS)/FPS)), 0
    while video.grab():
        if i % step == step//2: yield video.retrieve()[1]
        i += 1


def label(detector, path):
    "Mean scores of the largest face of each frame as a label; processor time, with decoding"
    start, n_frames, scores = time.process_time(), 0, []
    for frame in frames(path):
        n_frames += 1
        faces = detector.detect_emotions(frame)
        if faces: scores.append(max(faces, key=lambda face: face['box'][2])['emotions'])
    mean = {name: float(np.mean([s[name] for s in scores])) for name in scores[0]} if scores else {}
    return dict(label=max(mean, key=mean.get, default=None), scores=mean, frames=n_frames, faces=len(scores),
                cpu_ms=1000*(time.process_time() - start))


if __name__ == '__main__':
    clips, out = map(Path, sys.argv[1:])
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    cv2.setNumThreads(1)
    detector, paths = FER(), sorted(clips.glob('*.mp4'))
    if not paths: raise SystemExit(f'{clips}: no .mp4 files; name the folder of the clips')
    label(detector, paths[0])     # warms up
    found = {path.name: label(detector, path) for path in paths}
    processor = re.findall(r'model name\s*: (.*)', Path('/proc/cpuinfo').read_text())[0]
    versions = {name: version(name) for name in ('fer', 'tensorflow')}
    out.write_text(json.dumps(dict(processor=processor, versions=versions, clips=found), indent=1) + '\n')
    print(f'{out}: {len(found)} clips')
