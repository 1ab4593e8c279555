"""Put first on PYTHONPATH: makes this process one on a file system without locks, or one whose writes are listed.
EMOTIW_TEST_NO_LOCKS: name of the error of flock; EMOTIW_TEST_WRITES: file that gets the path of each entry stored"""
import errno
import fcntl
import os

if no_locks := os.environ.get('EMOTIW_TEST_NO_LOCKS'):
    def flock(file, operation): raise OSError(getattr(errno, no_locks), os.strerror(getattr(errno, no_locks)))
    fcntl.flock = flock

if writes := os.environ.get('EMOTIW_TEST_WRITES'):
    replace = os.replace
    def replace_and_list(source, target, **options):
        replace(source, target, **options)
        with open(writes, 'a') as listing: listing.write(f'{target}\n')
    os.replace = replace_and_list
