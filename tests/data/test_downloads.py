"Downloads from a server on loopback that breaks off, lies, redirects and changes its files: whole or not at all"
from emotiw import cli
import errno
import hashlib
import io
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import zipfile
from collections import namedtuple
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
import pytest
from typer.testing import CliRunner
from emotiw.core import UserError, cache_path, temporary_home
from emotiw.data import downloads, open_corpora
from emotiw.data.corpus_readers import read_corpus
from emotiw.data.downloads import RemoteFile, download
from emotiw.data.image_readers import read_images
from emotiw.data.open_corpora import corpus_folder, find_corpus, get_corpus

CONTENT = bytes(range(256))*8
QUICK = (0, 0)      # pauses


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.0'

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get('Range')))
        answers = self.server.answers.get(self.path, [status(404)])
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def begin(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items(): self.send_header(name.replace('_', '-'), str(value))
        self.end_headers()

    def log_message(self, *args): pass


class Server(ThreadingHTTPServer):
    "Answers to a path are a list of functions of the handler; the last one stays"
    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.host, self.answers, self.asked = f'127.0.0.1:{self.server_port}', {}, []
        Thread(target=self.serve_forever, kwargs=dict(poll_interval=.01), daemon=True).start()

    def url(self, path): return f'http://{self.host}{path}'
    def ranges(self): return [asked for _, asked in self.asked]
    def paths(self): return [path for path, _ in self.asked]


def whole(content=CONTENT, n=None, **headers):
    "The whole file, or its first `n` bytes and then the end"
    def answer(handler):
        handler.begin(200, **{'ETag': '"1"', 'Content_Length': len(content)} | headers)
        handler.wfile.write(content[:n])
    return answer


def ranged(content=CONTENT, etag='"1"', if_range=True, shift=0):
    "The rest of the file where it is asked for; `shift`: it begins elsewhere"
    def answer(handler):
        asked = re.fullmatch(r'bytes=(\d+)-', handler.headers.get('Range') or '')
        if not asked or if_range and handler.headers['If-Range'] != etag: return whole(content, ETag=etag)(handler)
        start, n = int(asked[1]) + shift, len(content)
        handler.begin(206, ETag=etag, Content_Length=n - start, Content_Range=f'bytes {start}-{n - 1}/{n}')
        handler.wfile.write(content[start:])
    return answer


def status(code, **headers): return lambda handler: handler.begin(code, Content_Length=0, **headers)
def redirect(url): return status(302, Location=url)


def chunked(content, end=True):
    "Without a length, in one chunk; without its end the connection breaks"
    def answer(handler):
        handler.protocol_version = 'HTTP/1.1'
        handler.begin(200, Transfer_Encoding='chunked', Connection='close')
        handler.wfile.write(b'%x\r\n%s\r\n' % (len(content), content) + b'0\r\n\r\n'*end)
        handler.close_connection = True
    return answer


def reset(handler):
    "The connection is reset without an answer"
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    handler.connection.close()
    handler.rfile = handler.wfile = io.BytesIO()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def other_server(server):
    "Reached by no test"
    other = Server()
    yield other
    other.shutdown()
    other.server_close()


@pytest.fixture
def fetch(server, tmp_path):
    "A function that downloads what the server answers, and returns the content"
    def fetch(*answers, pauses=QUICK, pinned='', **known):
        if answers: server.answers['/x'] = list(answers)
        known = dict(size=len(CONTENT), checksum='md5:' + hashlib.md5(CONTENT).hexdigest()) | known
        download(RemoteFile(server.url('/x'), 'x', **known), tmp_path/'x', pinned, server.host, pauses)
        assert sorted(p.name for p in tmp_path.iterdir()) == ['x']
        return (tmp_path/'x').read_bytes()
    return fetch


def refused(words, function, *args, **kwargs):
    "The call raises an error of one line with these words"
    with pytest.raises(UserError, match=re.escape(words)) as caught: function(*args, **kwargs)
    assert len(str(caught.value).splitlines()) == 1


def left(folder): return {p.name: len(p.read_bytes()) for p in folder.iterdir() if p.is_file()}


class TestConnection:
    def test_breaks_off_and_is_continued(self, fetch, server):
        assert fetch(whole(n=700), ranged()) == CONTENT
        assert server.ranges() == [None, 'bytes=700-']

    def test_breaks_off_for_good(self, fetch, server, tmp_path):
        refused('reset by peer); run it again later: it goes on where it stopped', fetch, whole(n=700), reset)
        assert left(tmp_path)['x.part'] == 700 and not (tmp_path/'x').exists()
        assert fetch(ranged(), pauses=()) == CONTENT
        assert server.ranges()[-1] == 'bytes=700-'

    def test_reset_then_answered(self, fetch): assert fetch(reset, whole()) == CONTENT

    def test_silence_ends(self, fetch, monkeypatch):
        monkeypatch.setattr(downloads, '_TIMEOUT', .1)
        over = Event()
        def silent(handler): over.wait(5)
        def stops(handler):
            whole(n=700)(handler)
            handler.wfile.flush()
            over.wait(5)
        try: assert fetch(silent, stops, ranged()) == CONTENT
        finally: over.set()

    def test_nobody_listens(self, fetch, server):
        server.shutdown()
        server.server_close()
        refused('cannot be reached (', fetch)

    def test_progress_earns_new_attempts(self, fetch, monkeypatch):
        monkeypatch.setattr(downloads, '_PROGRESS', 500)
        cut = [lambda handler, n=n: ranged_until(n)(handler) for n in range(600, 2048, 600)]
        assert fetch(*cut, ranged(), pauses=(0,)) == CONTENT

    def test_pauses_grow(self, fetch, monkeypatch):
        waited = []
        monkeypatch.setattr(time, 'sleep', waited.append)
        refused('(HTTP 503)', fetch, status(503), pauses=(1, 4, 16))
        assert waited == [1, 4, 16]


def ranged_until(end):
    "What is asked for, up to byte `end`"
    def answer(handler):
        asked = re.fullmatch(r'bytes=(\d+)-', handler.headers.get('Range') or 'bytes=0-')
        start, n = int(asked[1]), len(CONTENT)
        if not start: return whole(n=end)(handler)
        handler.begin(206, ETag='"1"', Content_Length=n - start, Content_Range=f'bytes {start}-{n - 1}/{n}')
        handler.wfile.write(CONTENT[start:end])
    return answer


class TestAnswers:
    @pytest.mark.parametrize('code', [400, 403, 404, 410, 501])
    def test_no_file(self, fetch, server, tmp_path, code):
        refused(f'/x: cannot be downloaded (HTTP {code})', fetch, status(code), whole())
        assert len(server.asked) == 1 and left(tmp_path) == {}

    @pytest.mark.parametrize('code', [429, 500, 502, 503, 504])
    def test_busy_then_ready(self, fetch, code): assert fetch(status(code), whole()) == CONTENT

    def test_busy_for_good(self, fetch): refused('cannot be downloaded now (HTTP 503)', fetch, status(503))

    def test_garbage(self, fetch):
        def garbage(handler): handler.wfile.write(b'\x00\xff'*50 + b'\r\n\r\n')
        assert fetch(garbage, whole()) == CONTENT


class TestLengths:
    def test_says_too_much(self, fetch, tmp_path):
        refused('has 9,999 bytes, and 2,048 are published', fetch, whole(Content_Length=9999))
        assert left(tmp_path) == {}

    def test_says_too_little(self, fetch): refused('has 9 bytes, and 2,048 are', fetch, whole(Content_Length=9))

    def test_sends_less_than_it_says(self, fetch, tmp_path):
        refused('9 of 2,048 bytes came', fetch, whole(n=9), pauses=())
        assert left(tmp_path)['x.part'] == 9

    def test_sends_more_than_it_says(self, fetch):
        assert fetch(whole(CONTENT + b'more', Content_Length=len(CONTENT))) == CONTENT

    def test_sends_without_end(self, fetch, tmp_path):
        refused('sends more than 2,048 bytes; nothing was kept', fetch, chunked(CONTENT*100))
        assert 'x' not in left(tmp_path) and 'x.part' not in left(tmp_path)

    def test_larger_than_its_bound(self, fetch):
        refused('has 2,048 bytes, more than 100', fetch, whole(), size=0, at_most=100)
        refused('sends more than 100 bytes', fetch, chunked(CONTENT), size=0, at_most=100)

    def test_says_nothing(self, fetch):
        def endless(handler):
            handler.begin(200)
            handler.wfile.write(CONTENT)
        refused('does not say how long the file is', fetch, endless)

    def test_negative_length(self, fetch): refused('does not say how long', fetch, whole(Content_Length=-1))

    def test_chunks_without_a_length(self, fetch):
        assert fetch(chunked(CONTENT), size=0, at_most=9999, checksum='') == CONTENT

    def test_chunks_that_break_off_are_not_the_file(self, fetch):
        cut = chunked(CONTENT[:300], end=False)
        assert fetch(cut, chunked(CONTENT), size=0, at_most=9999, checksum='') == CONTENT

    def test_more_in_the_part_than_the_file_has(self, fetch, tmp_path, server):
        (tmp_path/'x.part').write_bytes(CONTENT*2)
        assert fetch(whole()) == CONTENT and server.ranges() == [None]

    def test_the_part_is_all(self, fetch, tmp_path, server):
        (tmp_path/'x.part').write_bytes(CONTENT)
        assert fetch(status(404)) == CONTENT and not server.asked


class TestHashes:
    @pytest.mark.parametrize('known', [{}, dict(checksum='sha256:' + '0'*64)])
    def test_other_bytes(self, fetch, tmp_path, known):
        refused('other bytes than expected', fetch, whole(CONTENT[::-1]), **known)
        assert left(tmp_path) == {}
        assert fetch(whole()) == CONTENT

    def test_pinned(self, fetch, tmp_path):
        refused('is pinned at the first download', fetch, whole(), checksum='', pinned='sha256:00')
        assert left(tmp_path) == {}


class TestRedirects:
    def test_followed(self, fetch, server):
        server.answers['/y'] = [whole(n=700), ranged()]
        assert fetch(redirect(server.url('/y'))) == CONTENT
        assert server.asked[-1] == ('/y', 'bytes=700-')

    def test_to_itself(self, fetch, server): refused('redirects without end', fetch, redirect(server.url('/x')))

    def test_in_a_loop(self, fetch, server):
        server.answers['/y'] = [redirect(server.url('/x'))]
        refused('redirects without end', fetch, redirect(server.url('/y')))
        assert len(server.asked) < 15

    def test_away_from_https(self, fetch, server, other_server):
        for url in other_server.url('/x'), 'http://example.org/x', f'http://localhost:{server.server_port}/x':
            refused(f'{url}: is no https address', fetch, redirect(url))
        for url in 'file:///etc/passwd', 'ftp://127.0.0.1/x':
            with pytest.raises(UserError): fetch(redirect(url))
        assert not other_server.asked and len(server.asked) == 5

    def test_nothing_but_https_by_itself(self, server, tmp_path):
        refused('is no https address', download, RemoteFile(server.url('/x'), 'x', 9), tmp_path/'x')
        assert not server.asked


class TestContinuing:
    def interrupted(self, fetch, **headers):
        refused('700 of 2,048', fetch, whole(n=700, **headers), pauses=())

    def test_ranges_are_ignored(self, fetch, server):
        self.interrupted(fetch)
        assert fetch(whole()) == CONTENT and server.ranges()[-1] == 'bytes=700-'

    def test_the_file_has_changed(self, fetch):
        self.interrupted(fetch, ETag='"0"')
        assert fetch(ranged(etag='"1"')) == CONTENT

    def test_the_file_has_changed_and_the_server_does_not_care(self, fetch, server):
        refused('5 of 2,048', fetch, whole(b'x'*2048, n=5, ETag='"0"'), pauses=())
        assert fetch(ranged(if_range=False)) == CONTENT
        assert server.ranges() == [None, 'bytes=5-', None]

    def test_begins_elsewhere(self, fetch, server):
        self.interrupted(fetch)
        assert fetch(ranged(shift=1), whole()) == CONTENT and server.ranges()[-1] is None

    def test_range_not_satisfiable(self, fetch, server):
        self.interrupted(fetch)
        assert fetch(status(416), whole()) == CONTENT and server.ranges()[-1] is None

    @pytest.mark.parametrize('etag', ['', 'W/"1"', '1'])
    def test_version_unknown(self, fetch, server, etag):
        self.interrupted(fetch, ETag=etag)
        assert fetch(ranged()) == CONTENT and server.ranges()[-1] is None

    def test_by_date(self, fetch, server):
        self.interrupted(fetch, ETag='', Last_Modified='Mon, 01 Jan 2024 00:00:00 GMT')
        fetch(whole())
        assert server.ranges()[-1] == 'bytes=700-'

    def test_part_of_an_older_attempt(self, fetch, tmp_path, server):
        (tmp_path/'x.part').write_bytes(b'no version is known')
        assert fetch(ranged()) == CONTENT and server.ranges() == [None]

    def test_ctrl_c(self, fetch, server, tmp_path, monkeypatch):
        chunks = downloads._chunks
        def interrupt(answer):
            yield next(chunks(answer))
            raise KeyboardInterrupt
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(downloads, '_chunks', interrupt)
            fetch(whole(n=700))
        assert left(tmp_path)['x.part'] == 700
        assert fetch(ranged()) == CONTENT and server.ranges()[-1] == 'bytes=700-'


class TestDisk:
    def test_full_before(self, fetch, server, tmp_path, monkeypatch):
        usage = namedtuple('usage', 'total used free')
        monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage(9999, 9000, 999))
        refused('are to be written, and 0.000 GB are free', fetch, whole())
        assert left(tmp_path) == {}

    def test_full_in_the_middle(self, fetch, tmp_path, monkeypatch):
        def full(descriptor): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with monkeypatch.context() as patched:
            patched.setattr(os, 'fsync', full)
            refused('x: cannot be written (No space left on device)', fetch, whole())
        assert not (tmp_path/'x').exists()
        assert fetch(whole()) == CONTENT


def make_zip(files):
    "A zip of name -> text, as bytes"
    with io.BytesIO() as f:
        with zipfile.ZipFile(f, 'w') as z:
            for name, text in files.items(): z.writestr(name, text)
        return f.getvalue()


SPEECH = {f'Actor_{actor}/03-01-{code}-01-01-01-{actor}.wav': f'{actor} {code}'
          for actor in ('01', '02') for code in ('01', '02', '03')}
GERMAN = {f'emodb/wav/{actor}a01{code}a.wav': f'{actor} {code}' for actor in ('03', '08') for code in 'WLN'}


def video(actor):
    "RAVDESS' zip of an actor"
    return make_zip({f'Actor_{actor}/{kind}-01-{code}-01-01-01-{actor}.mp4': f'{kind} {code} {actor}'
                     for kind in ('01', '02') for code in ('01', '02', '03')})


def pointer(content):
    "What git keeps in place of a file"
    oid = hashlib.sha256(content).hexdigest()
    return f'version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n'


CREMAD = {f'{actor}_DFA_{code}_XX.flv': f'{actor} {code}'.encode() for actor in (1001, 1002) for code in ('ANG', 'SAD')}


@pytest.fixture
def known(server):
    "A function: name -> that corpus, with its files on the server, small and without published sizes and hashes"
    def known(name, counts=None, **published):
        corpus = find_corpus(name)
        changes = dict(url=server.url('/{file}'), sizes=(), checksums=(), at_most=10**5) | published
        if counts: changes['counts'] = counts
        if corpus.files.index: changes['index'] = server.url('/index')
        return replace(corpus, files=replace(corpus.files, **changes))
    return known


@pytest.fixture
def get(server, tmp_path):
    "A function that downloads a corpus into a folder, which exists only when it is whole"
    def get(corpus, *actors, to='corpus', pauses=()):
        return get_corpus(corpus, corpus_folder(corpus, tmp_path/to), actors, server.host, pauses)
    return get


def shown(folder):
    "What a user sees of a folder; None if it does not exist"
    if not folder.exists(): return None
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file())


class TestCorpora:
    "Each corpus, with tiny files of its names, is read by its reader afterwards"
    def test_java_sed(self, known, get, server):
        corpus = known('java_sed', dict(actor=10, sentence=1, emotion=2))
        server.answers |= {f'/{a:02}-01-{e:02}_01.mp4': [whole(f'{a} {e}'.encode())]
                           for a in range(1, 11) for e in (1, 2)}
        opened = read_corpus(get(corpus))
        assert opened.layout == 'manifest' and opened.clips.split.value_counts().to_dict() == dict(train=16, val=4)
        assert opened.emotions == ('Neutral', 'Sad') and opened.clips.group.nunique() == 10

    def test_ravdess_speech(self, known, get, server):
        server.answers['/Audio_Speech_Actors_01-24.zip'] = [whole(make_zip(SPEECH))]
        opened = read_corpus(get(known('ravdess_speech')))
        assert opened.emotions == ('Happy', 'Neutral') and len(opened.clips) == 4     # calm is left out

    def test_ravdess_video(self, known, get, server):
        server.answers |= {f'/Video_Speech_Actor_{a}.zip': [whole(video(a))] for a in ('01', '02')}
        opened = read_corpus(get(known('ravdess_video', dict(actor=2))))
        assert opened.layout == 'ravdess' and len(opened.clips) == 4
        assert sum(note.count for note in opened.notes) == 8                          # silent, calm

    def serve_cremad(self, server, clips=CREMAD):
        pointers = {f'CREMA-D-1/VideoFlash/{name}': pointer(content) for name, content in CREMAD.items()}
        server.answers['/index'] = [chunked(make_zip(pointers))]
        server.answers |= {f'/{name}': [whole(content)] for name, content in clips.items()}

    def test_cremad(self, known, get, server):
        self.serve_cremad(server)
        opened = read_corpus(get(known('cremad')))
        assert opened.layout == 'crema-d' and len(opened.clips) == 4 and opened.clips.group.nunique() == 2

    def test_cremad_by_actor(self, known, get, server):
        self.serve_cremad(server)
        refused('1003: cremad has no such actor', get, known('cremad'), 1003)
        clips = shown(get(known('cremad'), 1002))[:-1]
        assert clips == ['VideoFlash/1002_DFA_ANG_XX.flv', 'VideoFlash/1002_DFA_SAD_XX.flv']

    def test_cremad_with_other_bytes(self, known, get, server, tmp_path):
        self.serve_cremad(server, {name: content[::-1] for name, content in CREMAD.items()})
        refused('other bytes than expected', get, known('cremad'))
        assert shown(tmp_path/'corpus') is None

    def test_emodb(self, known, get, server):
        server.answers['/emodb.zip'] = [whole(make_zip(GERMAN))]
        opened = read_corpus(get(known('emodb')))
        assert opened.emotions == ('Angry', 'Neutral') and len(opened.clips) == 4     # boredom is left out

    def test_ferplus(self, known, get, server, tmp_path):
        votes = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n'
        rows = [f'Training,fer{i:07}.png,{",".join("10" if i == j else "0" for j in range(10))}\n' for i in (0, 1)]
        server.answers['/fer2013new.csv'] = [whole((votes + ''.join(rows)).encode())]
        (tmp_path/'corpus').mkdir()
        pixels = ' '.join(['7']*2304)
        (tmp_path/'corpus/fer2013.csv').write_text(f'emotion,pixels,Usage\n6,{pixels},Training\n3,{pixels},Training\n')
        opened = read_images(get(known('ferplus')))
        assert opened.name == 'ferplus' and list(opened.images.emotion) == ['Neutral', 'Happy']

    def test_ferplus_replaces_nothing(self, known, get, server, tmp_path):
        server.answers['/fer2013new.csv'] = [whole(b'votes')]
        (tmp_path/'corpus').mkdir()
        for name in 'fer2013.csv', 'fer2013new.csv': (tmp_path/'corpus'/name).write_text('mine')
        refused('fer2013new.csv: exists already', get, known('ferplus'))
        assert (tmp_path/'corpus/fer2013new.csv').read_text() == 'mine'


class TestWholeOrNot:
    def test_again_does_nothing(self, known, get, server):
        server.answers['/emodb.zip'] = [whole(make_zip(GERMAN))]
        before = shown(get(known('emodb')))
        assert shown(get(known('emodb'))) == before and len(server.asked) == 1

    def test_published_hash(self, known, get, server, tmp_path):
        content = make_zip(GERMAN)
        corpus = known('emodb', sizes=(len(content),), checksums=('md5:' + hashlib.md5(content).hexdigest(),))
        server.answers['/emodb.zip'] = [whole(make_zip(GERMAN | {'x': ''})[:len(content)]), whole(content)]
        refused('other bytes than expected', get, corpus)
        assert shown(tmp_path/'corpus') is None
        assert 'clips.csv' in shown(get(corpus))
        assert sorted(p.name for p in tmp_path.iterdir()) == ['corpus']    # nothing was to be pinned

    def test_first_download_is_pinned(self, known, get, server, tmp_path):
        first, second = make_zip(GERMAN), make_zip(GERMAN | {'emodb/wav/09a01Wa.wav': 'new'})
        server.answers['/emodb.zip'] = [whole(first), whole(second), whole(first)]
        get(known('emodb'))
        shutil.rmtree(tmp_path/'corpus')
        refused('is pinned at the first download', get, known('emodb'))
        assert shown(tmp_path/'corpus') is None
        assert len(shown(get(known('emodb')))) == 8

    @pytest.mark.parametrize('damage, words', [
        (lambda content: content[:-30], 'emodb.zip: is not a whole zip'),
        (lambda content: content.replace(b'03 W', b'03 X'), 'emodb.zip: is not a whole zip'),
        (lambda content: make_zip({'../../outside': 'x'}), 'names files outside of itself'),
        (lambda content: make_zip({'/outside': 'x'}), 'names files outside of itself'),
        (lambda content: make_zip({'readme.txt': 'x'}), 'no file has a name like'),
        (lambda content: make_zip({'inner.zip': 'no zip'}), 'inner.zip: is not a whole zip')])
    def test_bad_zip(self, known, get, server, tmp_path, damage, words):
        server.answers['/emodb.zip'] = [whole(damage(make_zip(GERMAN))), whole(make_zip(GERMAN))]
        refused(words, get, known('emodb'))
        assert shown(tmp_path/'corpus') is None
        assert not [p for p in (*tmp_path.rglob('*'), *tmp_path.parent.glob('*')) if 'outside' in p.name]

    def test_bad_zip_is_fetched_again(self, known, get, server, tmp_path):
        server.answers['/emodb.zip'] = [whole(make_zip(GERMAN)[:-30]), whole(make_zip(GERMAN))]
        refused('is not a whole zip', get, known('emodb'))
        assert not (tmp_path/'corpus.pins.json').exists()
        assert len(shown(get(known('emodb')))) == 8

    def test_second_file_fails(self, known, get, server, tmp_path):
        corpus = known('ravdess_video', dict(actor=2))
        server.answers |= {'/Video_Speech_Actor_01.zip': [whole(video('01'))],
                           '/Video_Speech_Actor_02.zip': [status(404), whole(video('02'))]}
        refused('HTTP 404', get, corpus)
        assert shown(tmp_path/'corpus') is None
        assert len(shown(get(corpus))) == 13
        assert server.paths().count('/Video_Speech_Actor_01.zip') == 1      # it was finished

    def test_no_folder_while_it_is_unpacked(self, known, get, server, tmp_path, monkeypatch):
        server.answers['/emodb.zip'] = [whole(make_zip(GERMAN))]
        unpack, seen = open_corpora.unpack, []
        def watched(archive, folder):
            unpack(archive, folder)
            seen.append(shown(tmp_path/'corpus'))
        monkeypatch.setattr(open_corpora, 'unpack', watched)
        get(known('emodb'))
        assert seen == [None]

    def test_actors_are_added(self, known, get, server, tmp_path):
        corpus = known('ravdess_video', dict(actor=3))
        server.answers |= {f'/Video_Speech_Actor_0{a}.zip': [whole(video(f'0{a}'))] for a in (1, 2, 3)}
        server.answers['/Video_Speech_Actor_03.zip'].insert(0, status(404))
        folder = get(corpus, 1, 2)
        (folder/'notes.txt').write_text('mine')
        before = shown(folder)
        refused('HTTP 404', get, corpus, 3)
        assert shown(folder) == before
        assert len(read_corpus(get(corpus, 3)).clips) == 6
        assert (folder/'notes.txt').read_text() == 'mine'
        n = len(server.asked)
        get(corpus, 1, 3)
        assert len(server.asked) == n

    def test_no_room(self, known, get, server, tmp_path, monkeypatch):
        monkeypatch.setattr(shutil, 'disk_usage', lambda path: namedtuple('usage', 'total used free')(9, 0, 9))
        refused('are to be written', get, known('emodb', sizes=(600,)))
        assert shown(tmp_path/'corpus') is None and not server.asked

    def test_folder_of_ones_own(self, known, get, tmp_path):
        (tmp_path/'corpus').mkdir()
        refused('exists already and was not downloaded', get, known('emodb'))

    def test_parent_is_a_file(self, known, get, tmp_path):
        (tmp_path/'file').write_text('')
        refused('cannot be written', get, known('emodb'), to='file/corpus')

    def test_two_at_once(self, known, get, server):
        server.answers['/emodb.zip'] = [whole(make_zip(GERMAN))]
        threads = [Thread(target=get, args=(known('emodb'),)) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert server.paths() == ['/emodb.zip']

    def test_killed_in_the_middle(self, known, get, server, tmp_path):
        content, over = make_zip(GERMAN | {'emodb/long.txt': 'x'*90_000}), Event()
        def stops(handler):
            whole(content, n=50_000)(handler)
            handler.wfile.flush()
            over.wait(20)
        server.answers['/emodb.zip'] = [stops, ranged(content)]
        code = ('import sys; from dataclasses import replace; from pathlib import Path; '
                'from emotiw.data.open_corpora import find_corpus, get_corpus; c = find_corpus("emodb"); '
                'files = replace(c.files, url=sys.argv[1], sizes=(), checksums=(), at_most=10**5); '
                'get_corpus(replace(c, files=files), Path(sys.argv[2]), plain_http=sys.argv[3])')
        words = [server.url('/{file}'), tmp_path/'corpus', server.host]
        process = subprocess.Popen([sys.executable, '-c', code, *map(str, words)])
        part = tmp_path/'.corpus.emodb.download/emodb.zip.part'
        deadline = time.monotonic() + 20
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline: time.sleep(.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        over.set()
        size = part.stat().st_size
        assert shown(tmp_path/'corpus') is None
        assert len(shown(get(known('emodb')))) == 9
        assert server.ranges() == [None, f'bytes={size}-'] and size > 0


@pytest.fixture
def home():
    with temporary_home() as home: yield home


class Terminal(io.StringIO):
    "Answers of a person"
    def isatty(self): return True


class TestCommand:
    def run(self, *words): return CliRunner().invoke(cli.app, ['get', *words])

    def test_terms_then_folder(self, home, known, server, monkeypatch):
        server.answers['/emodb.zip'] = [whole(make_zip(GERMAN))]
        monkeypatch.setattr(open_corpora, 'find_corpus', known)
        monkeypatch.setattr(open_corpora, 'get_corpus', partial(get_corpus, plain_http=server.host))
        first, second = self.run('emodb', '--yes'), self.run('emodb')
        assert 'terms: CC BY 4.0' in first.output and 'Burkhardt' in first.output
        assert first.output.splitlines()[-1] == str(cache_path('corpora', 'emodb'))
        assert second.output.endswith('emodb: is complete; nothing to do\n') and len(server.asked) == 1

    def test_agreement(self, home, monkeypatch):
        assert 'with --yes' in str(self.run('emodb').exception) and not cache_path('corpora').exists()
        for answer, agreed in ('y\n', True), ('n\n', False), ('\n', False):
            monkeypatch.setattr(sys, 'stdin', Terminal(answer))
            if agreed: cli._require_agreement('emodb', False)
            else: refused('not downloaded, since its terms', cli._require_agreement, 'emodb', False)

    def test_only_https(self, home, known, server, monkeypatch):
        monkeypatch.setattr(open_corpora, 'find_corpus', known)
        assert 'is no https address' in str(self.run('emodb', '--yes').exception) and not server.asked

    @pytest.mark.parametrize('words, error', [
        (['nothing'], 'nothing: no corpus that can be downloaded'), (['afew'], 'afew: cannot be downloaded here'),
        (['emodb', '--actors', '1'], 'comes in one file'), (['java_sed', '--actors', '11'], 'has actors 1 to 10'),
        (['java_sed', '--actors', 'x'], 'is no list of numbers'), (['java_sed', '--to', __file__], 'exists already')])
    def test_mistakes(self, home, words, error):
        exception = self.run(*words, '--yes').exception
        assert isinstance(exception, UserError) and error in str(exception) and '\n' not in str(exception)
