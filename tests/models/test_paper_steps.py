"""One batch of every network of every table at scale `paper`: real shapes, random numbers, ten optimiser steps.

The loss is finite, and lower afterwards with the same dropout and the same augmentation. Batches are as small as they
can be: one example, two for a network with batch normalisation. Where ten steps are too dear for a CPU, fewer are
taken: two of VGG-16 at 224 px, of C3D on 16 frames of 112 px and of IR50, five of ResNet-50.
"""
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import math
import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm
from emotiw.experiments.workload import train_steps
from emotiw.models.c3d import C3DConfig
from emotiw.papers.workloads import trainings
from emotiw.reproducibility import reproducible

FEWER_STEPS = dict(vggface=2, vgg16=2, c3d=2, ir50=2, resnet50=5)
TRAININGS = {(t.function, t.config): t for t in trainings('paper')}.values()   # a network of two papers once


def steps_of(config):
    "Optimiser steps that are taken; BLSTMs and audio-visual systems read features of a network, and train none"
    return FEWER_STEPS.get('c3d' if isinstance(config, C3DConfig) else getattr(config, 'network', ''), 10)


def smallest_batch(training):
    "A workload of one example, or of two if there is batch normalisation"
    workload = training.workload(1)
    normalised = any(isinstance(m, _BatchNorm) for m in workload.net.modules())
    return training.workload(2) if normalised else workload


def fixed_loss(workload):
    "Loss of the batch in training mode, with the same dropout and augmentation in every call"
    torch.manual_seed(1)
    with torch.no_grad(): loss, _ = workload.objective(workload.net.train(), workload.inputs, workload.targets)
    return float(loss)


@pytest.mark.parametrize('training', TRAININGS, ids=str)
def test_steps(training):
    steps = steps_of(training.config)
    with reproducible(0):
        workload = smallest_batch(training)
        before = fixed_loss(workload)
        losses = train_steps(workload, steps).loss
        after = fixed_loss(workload)
    assert all(map(math.isfinite, [before, *losses, after]))
    assert len(losses) == steps
    assert after < before
