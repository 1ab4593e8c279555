"Damaged input by seed: ways to damage the bytes of a file or its name, and odd but whole files of each kind"
import emotiw  # noqa: F401 (first: it fixes the instruction set before numpy is loaded)
import io
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from pathlib import Path
import cv2
import numpy as np
import torch
from inference.test_predict import film, voice
from safetensors.torch import save_file

# Bytes -----------------------------------------------------------------------------------------------------------

def overwritten(data, indices, rng):
    "`data` with random bytes at `indices`"
    changed = bytearray(data)
    for i in indices: changed[i] = rng.integers(256)
    return bytes(changed)

def cut(data, rng):
    "The beginning of `data`"
    return data[:rng.integers(1, len(data))]

def scattered(data, rng):
    "`data` with random bytes anywhere"
    return overwritten(data, rng.integers(0, len(data), rng.integers(1, 200)), rng)

def damaged_head(data, rng):
    "`data` with random bytes in its header"
    return overwritten(data, rng.integers(0, min(3000, len(data)), rng.integers(1, 40)), rng)

def zeroed(data, rng):
    "`data` with a stretch of zeros"
    start, n = rng.integers(len(data)), rng.integers(1, len(data)//2)
    return data[:start] + bytes(len(data[start:start + n])) + data[start + n:]

def damaged_tail(data, rng):
    "`data` with random bytes at its end"
    return overwritten(data, len(data) - rng.integers(1, min(6000, len(data)), rng.integers(1, 40)), rng)

DAMAGES = [cut, scattered, damaged_head, zeroed, damaged_tail]

def flipped(data, rng):
    "`data` with a few bits flipped"
    changed = bytearray(data)
    for i in rng.integers(0, len(data), rng.integers(1, 9)): changed[i] ^= 1 << rng.integers(8)
    return bytes(changed)

def swapped(data, rng):
    "`data` with two neighbouring blocks swapped"
    a, b, c = sorted(rng.integers(0, len(data) + 1, 3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]

def doubled(data, rng):
    "`data` with one block, or all of it, twice"
    if rng.integers(2): return data + data
    a, b = sorted(rng.integers(0, len(data) + 1, 2))
    return data[:b] + data[a:]

def emptied(data, rng):
    "Nothing"
    return b''

# Huge claimed sizes ----------------------------------------------------------------------------------------------

HUGE = 2**31 - 1, 2**32 - 1, 2**30, 10**9, 2**16 - 1

def _with_number(data, offset, value, form='<I'):
    "`data` with a number at `offset`"
    n = struct.calcsize(form)
    return data[:offset] + struct.pack(form, value & (256**n - 1)) + data[offset + n:]

def _huge_png(data, rng):
    "A PNG whose header, with a right checksum, claims a huge picture"
    data = _with_number(data, 16 + 4*int(rng.integers(2)), 2**int(rng.integers(15, 31)), '>I')
    return _with_number(data, 29, zlib.crc32(data[12:29]), '>I')

def _huge_avi(data, rng):
    "An AVI that claims huge pictures, many frames or a huge chunk"
    tag, offset = [(b'avih', 24), (b'avih', 40), (b'avih', 44), (b'strf', 12), (b'strf', 16), (b'movi', -4),
                   (b'strh', 4), (b'strh', 40)][rng.integers(8)]
    return _with_number(data, data.index(tag) + offset, int(rng.choice(HUGE)))

def _huge_wav(data, rng):
    "A WAV that claims a huge length, rate or number of channels"
    form, offset = [('<I', 4), ('<I', 16), ('<H', 22), ('<I', 24), ('<I', 28), ('<H', 32), ('<H', 34)][rng.integers(7)]
    return _with_number(data, offset, int(rng.choice(HUGE)), form)

def _huge_zip(data, rng):
    "A zip whose directory claims huge members"
    entries = [m.start() for m in re.finditer(b'PK\x01\x02', data)]
    offset = int(rng.choice([20, 24, 42]))
    return _with_number(data, int(rng.choice(entries)) + offset, int(rng.choice(HUGE)))

def _huge_text(data, rng):
    "A text with one of its numbers made huge"
    numbers = [m.span() for m in re.finditer(rb'\d+', data[:20_000])]
    if not numbers: return data*2
    start, stop = numbers[rng.integers(len(numbers))]
    return data[:start] + b'9'*int(rng.choice([3, 9, 10, 19, 20, 400, 5000])) + data[stop:]

def _huge_safetensors(data, rng):
    "Safetensors whose header claims to be huge, or claims huge tensors"
    if rng.integers(2): return _with_number(data, 0, int(rng.choice([2**63, 2**40, 10**8, len(data)])), '<Q')
    n = struct.unpack('<Q', data[:8])[0]
    header = _huge_text(data[8:8 + n], rng)
    return struct.pack('<Q', len(header)) + header + data[8 + n:]

def _huge_npy(data, rng):
    "An array whose header claims another shape"
    n = struct.unpack('<H', data[8:10])[0]
    header = _huge_text(data[10:10 + n], rng)
    return data[:8] + struct.pack('<H', len(header)) + header + data[10 + n:]

def _huge_number(data, rng):
    "`data` with a huge number in its first bytes"
    return _with_number(data, int(rng.integers(2, max(3, min(96, len(data) - 4)))), int(rng.choice(HUGE)))

def _is_safetensors(data): return data[8:9] == b'{' and data[:8].endswith(bytes(4))
def _is_text(data): return not re.search(rb'[\0-\x08]', data[:2000])
SIZES = [(lambda data: data.startswith(b'\x89PNG'), _huge_png), (lambda data: data[8:12] == b'AVI ', _huge_avi),
         (lambda data: data[8:12] == b'WAVE', _huge_wav), (lambda data: data.startswith(b'PK'), _huge_zip),
         (_is_safetensors, _huge_safetensors), (lambda data: data.startswith(b'\x93NUMPY'), _huge_npy),
         (_is_text, _huge_text)]

def huge(data, rng):
    "`data` with a header that claims a huge size"
    return next((claim for matches, claim in SIZES if matches(data)), _huge_number)(data, rng)

BYTE_DAMAGES = DAMAGES + [flipped, swapped, doubled, emptied, huge]

# Odd but whole files ---------------------------------------------------------------------------------------------

def gradient(width, height, shift=0):
    "A picture `(height, width, 3)`"
    y, x = np.mgrid[:height, :width]
    return np.stack([(x + shift) % 256, y % 256, (x + y) % 256], -1).astype(np.uint8)

SIZES_PX = (1, 1), (1, 120), (160, 1), (2, 2), (161, 121), (17, 33), (640, 8)
FORMATS = [('.avi', 'ffv1', f) for f in 'gray rgb32 yuv420p10le yuv444p gray16le yuva420p'.split()]
FORMATS += [('.mkv', 'ffv1', 'bgra'), ('.mov', 'png', 'rgba'), ('.mov', 'png', 'monob'), ('.avi', 'mjpeg', 'yuvj444p'),
            ('.avi', 'mpeg4', 'yuv420p'), ('.mov', 'rawvideo', 'rgb24'), ('.gif', 'gif', 'rgb8'),
            ('.mp4', 'h264', 'yuv422p10le'), ('.avi', 'rawvideo', 'pal8')]
RATES = 1, 2, 11, 100, 8000, 11025, 16000, 44100, 192000, 768000
LAYOUTS = 'mono', 'stereo', '5.1', '7.1', 'quad'

def _pick(choices, rng): return choices[rng.integers(len(choices))]

def odd_video(folder, rng):
    "A film with an unusual size, pixel format and rate"
    suffix, codec, pix_fmt = _pick(FORMATS, rng)
    size, fps, n = _pick(SIZES_PX, rng), _pick([1, 7, 25, 1000], rng), _pick([1, 3, 12], rng)
    try: return film(folder/f'odd{suffix}', [gradient(*size, k) for k in range(n)], fps, codec=codec, pix_fmt=pix_fmt)
    except Exception: return folder/f'odd{suffix}'      # what the encoder refuses is cut in its midst

def odd_sound(folder, rng):
    "A sound with an unusual rate, number of channels and length"
    rate, layout, seconds = int(_pick(RATES, rng)), _pick(LAYOUTS, rng), _pick([0, .01, .2, 1.2], rng)
    wave = voice(1.2)[:max(1, int(16000*seconds))]
    return film(folder/'odd.wav', [], sound=wave, rate=rate, layout=layout)

def odd_picture(folder, rng):
    "A picture with an unusual size, depth and number of channels"
    image = gradient(*_pick(SIZES_PX, rng))
    image = _pick([image, image[..., 0], image.astype(np.uint16)*257, np.dstack([image, image[..., :1]])], rng)
    path = folder/f'odd{_pick([".png", ".tif"], rng)}'
    cv2.imwrite(str(path), image)
    return path

def _rewritten(text, rng):
    "The bytes of a csv, its text rewritten in an unusual way"
    lines = text.splitlines()
    ways = [
        lambda: ('\ufeff' + text).encode(), lambda: text.replace('\n', '\r\n').encode(), lambda: text.encode('utf-16'),
        lambda: text.replace('\n', '\r').encode(), lambda: text.replace(',', '\t').encode(),
        lambda: text.replace(',', ';').encode(), lambda: text.replace(',', ' , ').encode(),
        lambda: '\n'.join('"' + line.replace(',', '","') + '"' for line in lines).encode(),
        lambda: text.replace('"', '').replace(',', ',"', 1).encode(), lambda: (text + lines[-1] + '\n').encode(),
        lambda: '\n'.join(lines[:1]*2 + lines[1:]).encode(), lambda: lines[0].encode(),
        lambda: text.replace('1', '1\0').encode(), lambda: unicodedata.normalize('NFD', text).encode(),
        lambda: text.encode().replace(b'a', b'\xe9'), lambda: (text + ','*300 + '\n').encode(),
        lambda: text.replace(lines[0], ',,,,', 1).encode(), lambda: (text + 'x'*200_000).encode(),
        lambda: text.replace('\n', '\n\n').encode(), lambda: '\n'.join([lines[0], *lines[:0:-1]]).encode()]
    return _pick(ways, rng)()

def odd_table(whole, folder, rng):
    "The csv `whole`, its text rewritten"
    path = folder/whole.name
    path.write_bytes(_rewritten(whole.read_text(), rng))
    return path

PATHS = ('../../../etc/passwd', '/dev/zero', '/dev/stdin', '/proc/self/mem', '~/a.avi', '.', '', 'a'*300 + '.avi',
         'a\nb.avi', '<script>alert(1)</script>.avi', '=1+1', 'clips', 'clips/a.avi/b', 'cafe\u0301.avi', '\udce9.avi')

def odd_manifest(whole, folder, rng):
    "A manifest rewritten, or one that points at another file"
    if rng.integers(2): return odd_table(whole, folder, rng)
    path, text = folder/whole.name, whole.read_text()
    name = '"' + _pick(PATHS, rng) + '"'
    text = re.sub(r'clips/[^,]+', lambda m: name, text, count=1)
    path.write_bytes(text.encode(errors='surrogateescape'))
    return path

NAMES = ('/absolute', '../outside', 'a\\..\\..\\b', 'C:\\x', 'a/b', 'A/b', 'x'*300, 'a\nb', 'CON', 'a/', 'zip.zip/a',
         '.', 'a/./b', 'ä', 'a\u0308', ' ', 'a//b', 'clip.avi', 'clip.avi/in', '__MACOSX/a')

def add_member(z, name, data):
    "Write a member of the open zip `z`, with a date that does not change"
    z.writestr(zipfile.ZipInfo(name), data, z.compression)

def _zip_of(names, rng):
    "The bytes of a zip with these names"
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', _pick([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA], rng)) as z:
        for name in names: add_member(z, name, b'x'*int(rng.integers(0, 2000)))
    return out.getvalue()

def _zip_link():
    "The bytes of a zip that holds a link"
    out, link = io.BytesIO(), zipfile.ZipInfo('link')
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(out, 'w') as z: z.writestr(link, '/etc/passwd')
    return out.getvalue()

def _nested_zip(levels):
    "The bytes of a zip in a zip in a zip"
    data = b'x'
    for _ in range(levels):
        out = io.BytesIO()
        with zipfile.ZipFile(out, 'w') as z: add_member(z, 'inner.zip', data)
        data = out.getvalue()
    return data

def odd_zip(folder, rng):
    "A zip with unusual names, links or many levels"
    path = folder/'odd.zip'
    names = list(rng.choice(NAMES, rng.integers(1, 4), replace=False))
    ways = [lambda: _zip_of(names, rng)]*4 + [_zip_link, lambda: _nested_zip(5), lambda: _zip_of([], rng)]
    path.write_bytes(_pick(ways, rng)())
    return path

def odd_state(state, rng):
    "The tensors `state`, unusual in one way"
    name = _pick(sorted(k for k, v in state.items() if v.is_floating_point() and v.numel()), rng)
    tensor = state[name]
    changes = [torch.full_like(tensor, torch.nan), torch.full_like(tensor, torch.inf), tensor.to(torch.int8),
               tensor.to(torch.bfloat16), tensor.double(), tensor.to(torch.complex64), tensor.flatten(), tensor[None],
               tensor.new_zeros(0), tensor*1e30, tensor.bool(), tensor.new_tensor(0.)]
    return dict(state, **{name: _pick(changes, rng)})

class Code:
    "An object whose pickle would run a command"
    def __reduce__(self): return print, ('the pickle was run',)

def odd_safetensors(whole, folder, rng):
    "A file of tensors, one of them unusual"
    state = odd_state(torch.load(whole.with_suffix('.pth'), weights_only=True), rng)
    save_file({k: v.contiguous() for k, v in state.items()}, folder/'odd.safetensors')
    return folder/'odd.safetensors'

def odd_pth(whole, folder, rng):
    "A checkpoint with unusual tensors, other objects or code"
    state = odd_state(torch.load(whole, weights_only=True), rng)
    values = [state]*4 + [dict(model=state), list(state.values()), 3, None, dict(state, code=Code()),
                          {k: v.numpy() for k, v in state.items() if v.dtype != torch.bfloat16}, {1: 2}]
    torch.save(_pick(values, rng), folder/'odd.pth')
    return folder/'odd.pth'

# One input -------------------------------------------------------------------------------------------------------

SUFFIXES = '.avi', '.mp4', '.wav', '.mp3', '.png', '.jpg', '.csv', '.zip', '.safetensors', '.pth', '.json', '.txt', ''

def renamed(file, folder, rng):
    "A copy of `file` with the suffix of another kind"
    path = folder/('other' + _pick(SUFFIXES, rng))
    path.write_bytes(file.read_bytes())
    return path

def replaced(file, others, folder, rng):
    "Another kind of file under the name of `file`"
    path = folder/file.name
    path.write_bytes(Path(_pick(others, rng)).read_bytes())
    return path

def damaged(file, damage, folder, rng):
    "A copy of `file` whose bytes are damaged by a function of `BYTE_DAMAGES`"
    path = folder/file.name
    path.write_bytes(damage(file.read_bytes(), rng))
    return path
