"State dicts with the key names and shapes of the public files fit the entries of weights.toml, to the last tensor"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
from dataclasses import dataclass
from functools import cache, partial
import pytest
import torch
from torchvision import models
from emotiw.core import UserError, temporary_home
from emotiw.data.weight_files import Pin, pin_weights, registry, write_pin
from emotiw.experiments.runs import Run
from emotiw.experiments.settings import change_tunings, pin_settings
from emotiw.experiments.training import Schedule
from emotiw.features.extractors import FaceCrops, Sound
from emotiw.models.c3d import C3D, C3DConfig, train_c3d
from emotiw.models.finetuning import ImageTuning, tune_on_images
from emotiw.models.networks import backbone
from emotiw.models.spectrogram_cnn import SoundTuning, tune_on_sound
from emotiw.models.weights import first_mismatch, select_tensors
from emotiw.papers import ding2016, lu2018, zhou2019

VGG16 = dict(conv1=(64, 2), conv2=(128, 2), conv3=(256, 3), conv4=(512, 3), conv5=(512, 3))   # channels, convolutions


def layer(name, *shape):
    "Weight and bias of one layer"
    return {f'{name}.weight': shape, f'{name}.bias': shape[:1]}


def batch_norm(name, n, counter=True):
    "Tensors of a batch normalisation of `n` channels"
    tensors = layer(name, n) | {f'{name}.running_mean': (n,), f'{name}.running_var': (n,)}
    return tensors | ({f'{name}.num_batches_tracked': ()} if counter else {})


def oxford_vgg_face():
    "vgg_face_dag.pth: one module per layer of the Caffe network, with the classifier of 2,622 people"
    shapes, n_in = {}, 3
    for block, (n, depth) in VGG16.items():
        for i in range(1, depth + 1):
            shapes |= layer(f'{block}_{i}', n, n_in, 3, 3)
            n_in = n
    return shapes | layer('fc6', 4096, 25088) | layer('fc7', 4096, 4096) | layer('fc8', 2622, 4096)


def residual_unit(name, n_in, n):
    "A unit of face.evoLVe's IR_50; its shortcut has weights only where the width grows"
    res = f'{name}.res_layer'
    unit = batch_norm(f'{res}.0', n_in) | {f'{res}.1.weight': (n, n_in, 3, 3), f'{res}.2.weight': (n,),
                                          f'{res}.3.weight': (n, n, 3, 3)} | batch_norm(f'{res}.4', n)
    if n_in == n: return unit
    return unit | {f'{name}.shortcut_layer.0.weight': (n, n_in, 1, 1)} | batch_norm(f'{name}.shortcut_layer.1', n)


def face_evolve_ir50():
    "backbone_ir50_ms1m_epoch120.pth: stem, 24 units, and a head for 112 px"
    shapes = {'input_layer.0.weight': (64, 3, 3, 3)} | batch_norm('input_layer.1', 64) | {'input_layer.2.weight': (64,)}
    widths = [64]*3 + [128]*4 + [256]*14 + [512]*3
    for i, (n_in, n) in enumerate(zip([64, *widths], widths)): shapes |= residual_unit(f'body.{i}', n_in, n)
    head = batch_norm('output_layer.0', 512) | layer('output_layer.3', 512, 512*7*7) | batch_norm('output_layer.4', 512)
    return shapes | head


def mmaction2_c3d():
    "c3d_sports1m_pretrain_20201016-dcc47ddc.pth: convolutions in modules of their own, no last layer"
    widths = {'1a': 64, '2a': 128, '3a': 256, '3b': 256, '4a': 512, '4b': 512, '5a': 512, '5b': 512}
    shapes, n_in = {}, 3
    for name, n in widths.items():
        shapes |= layer(f'conv{name}.conv', n, n_in, 3, 3, 3)
        n_in = n
    return shapes | layer('fc6', 4096, 8192) | layer('fc7', 4096, 4096)


def torchvision(name, **options):
    "A network of torchvision"
    with torch.device('meta'): state = models.get_model(name, **options).state_dict()
    return {key: tuple(v.shape) for key, v in state.items()}


def emotion_fan_resnet18():
    "Resnet18_MS1M_pytorch.pth.tar: torchvision's names after 'module.', a classifier and a layer before it"
    shapes = torchvision('resnet18', num_classes=79077) | layer('feature', 256, 512)
    return {f'module.{name}': shape for name, shape in shapes.items()}


def cydonia_resnet50():
    "resnet50_ft_weight.pkl: converted from Caffe, so torchvision's names without batch norm's counters"
    shapes = torchvision('resnet50', num_classes=8631)
    return {name: shape for name, shape in shapes.items() if not name.endswith('num_batches_tracked')}


IMAGENET = {f'{name}-imagenet': partial(torchvision, name) for name in ('resnet18', 'resnet50', 'alexnet', 'vgg16')}
PUBLIC = IMAGENET | {
    'vggface': oxford_vgg_face, 'ir50-ms1m': face_evolve_ir50, 'c3d-sports1m': mmaction2_c3d,
    'resnet18-ms1m': emotion_fan_resnet18, 'resnet50-vggface2': cydonia_resnet50}


def checkpoint(name, shapes):
    "A checkpoint of the entry `name` with tensors of these shapes, on the meta device"
    tensors = {key: torch.empty(shape, device='meta') for key, shape in shapes.items()}
    state = registry()[name].state
    return {state: tensors, 'epoch': 3} if state else tensors


@cache
def network(name):
    "The network that the entry `name` is for, on the meta device"
    entry = registry()[name]
    with torch.device('meta'): return C3D().net if entry.network == 'c3d' else backbone(entry.network, start=name).net


def mismatch(name, shapes):
    "The first difference between a checkpoint and the network of the entry `name`"
    expected = network(name).state_dict()
    counters = {key: v for key, v in expected.items() if key.endswith('num_batches_tracked')}
    return first_mismatch(counters | select_tensors(checkpoint(name, shapes), registry()[name], name), expected)


@pytest.mark.parametrize('name', PUBLIC)
def test_public_file_fits(name):
    assert mismatch(name, PUBLIC[name]()) == ''


@pytest.mark.parametrize('name', PUBLIC)
def test_missing_layer_is_named(name):
    shapes = PUBLIC[name]()
    lost = next(key for key in list(shapes)[4:] if key.endswith('.weight'))
    del shapes[lost]
    renamed = list(select_tensors(checkpoint(name, {lost: (1,)}), registry()[name], name))[0]
    assert mismatch(name, shapes) == f'{renamed} is missing'


def test_other_networks_do_not_fit():
    assert 'conv1.weight is missing' in mismatch('resnet18-imagenet', face_evolve_ir50())
    assert 'output_layer.3.weight has shape (512, 25088), the network needs (512, 100352)' in first_mismatch(
        {key: torch.empty(shape, device='meta') for key, shape in face_evolve_ir50().items()},
        network_at_224().state_dict())
    with pytest.raises(UserError, match='not a plain table of tensors'): mismatch_unnested()


def network_at_224():
    with torch.device('meta'): return backbone('ir50', size=224).net


def mismatch_unnested():
    "A checkpoint whose tensors are under another key than the entry says"
    tensors = checkpoint('resnet18-ms1m', emotion_fan_resnet18())
    return select_tensors(dict(net=tensors['state_dict']), registry()['resnet18-ms1m'], 'x.pth.tar')


def test_every_entry_says_what_its_network_sees():
    for name in PUBLIC:
        entry = registry()[name]
        assert len(entry.mean) == len(entry.std) == 3 and entry.channels, name


@dataclass(frozen=True)
class Data:
    "What a run asks of its data"
    name = fingerprint = 'data'


def key(function, config):
    "Key of a run whose settings were pinned when its experiment was opened"
    return Run(function, pin_settings(config), Data()).key


def test_another_file_behind_a_name_is_another_run():
    "For networks on images, on clips and on sound; a name that is published has one key, downloaded or not"
    by_name = [(tune_on_images, ImageTuning('ir50', weights='ir50-ms1m')),
               (train_c3d, C3DConfig(FaceCrops(), weights='own')),
               (tune_on_sound, SoundTuning(Sound(), Schedule(), weights='own'))]
    published = tune_on_images, ImageTuning('alexnet', 227, weights='alexnet-imagenet')
    with temporary_home() as home:
        own = '[own]\nnetwork="c3d"\nsha256=""\nsource="me"\nterms="mine"\npath="own.pth"\n'
        (home.path/'weights.toml').write_text(own)
        keys, published_keys = [], []
        for sha256 in ('0'*64, '1'*64):
            for name in ('ir50-ms1m', 'own', 'alexnet-imagenet'): write_pin(name, Pin('file.pth', sha256, ()))
            keys += [key(function, config) for function, config in by_name]
            published_keys.append(key(*published))
    assert len(set(keys)) == 6 and len(set(published_keys)) == 1


def test_papers_settings_are_pinned():
    "Wherever a paper keeps its tunings, the name of a file with a known hash is pinned"
    def names(settings):
        found = []
        change_tunings(settings, lambda tuning: found.append((tuning.network, tuning.weights)) or tuning)
        return [name for _, name in found if name]
    with temporary_home():
        for paper in ding2016, lu2018, zhou2019:
            for settings in paper.SCALES.values():
                pinned = names(pin_settings(settings))
                assert pinned == [pin_weights(name) for name in names(settings)]
        pinned = names(pin_settings(lu2018.SCALES['paper']))
        assert any(name.startswith('c3d-sports1m@dcc47ddc.') for name in pinned)
