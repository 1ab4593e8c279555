"""Where the time of a command goes: python tools/phases.py [--out FILE] COMMAND ..., for example make test; processor
seconds of each phase, of all processes that the command starts, and the largest memory of any of them"""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

SAMPLING = Path(__file__).with_name('sampling')


def run(command, folder):
    "Run the command, sampled; its exit code, its seconds, and the processor seconds of it and what it started"
    path = os.pathsep.join(filter(None, (str(SAMPLING), os.environ.get('PYTHONPATH'))))
    start = time.time()
    code = subprocess.run(command, env=os.environ | dict(EMOTIW_PHASES=folder, PYTHONPATH=path)).returncode
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return code, time.time() - start, usage.ru_utime + usage.ru_stime

def summary(reports, all_seconds):
    "Processor seconds by phase, the most first; what no process reported is the last"
    phases = Counter()
    for report in reports: phases.update(report['phases'])
    rest = all_seconds - sum(phases.values())     # negative where processes ended that nobody waited for
    return dict(phases.most_common()) | {'ended before the last sample, and other programs': max(0., rest)}

def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', type=Path, help='a json file for the figures')
    parser.add_argument('command', nargs=argparse.REMAINDER)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        code, seconds, processor = run(options.command, folder)
        reports = [json.loads(p.read_text()) for p in sorted(Path(folder).glob('*.json'))]
    phases = summary(reports, processor)
    processor = sum(phases.values())
    largest = max(reports, key=lambda r: r['memory'], default=dict(memory=0, command=''))
    for name, n in phases.items(): print(f'{n:9.1f} s {100*n/processor:5.1f} %  {name}')
    print(f'{processor:9.1f} s of processors in {seconds:.1f} s; {len(reports)} Python processes; '
          f'largest {largest["memory"]/2**20:.2f} GiB: {largest["command"]}')
    result = dict(command=options.command, seconds=seconds, processor=processor, phases=phases, largest=largest)
    if options.out: options.out.write_text(json.dumps(result, indent=1) + '\n')
    return code

if __name__ == '__main__': sys.exit(main())
