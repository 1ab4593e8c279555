"""Generate the small corpora and image sets that notebooks and tests share: python tools/synthetic.py
With a folder: a corpus of AFEW's size in it, some minutes on two cores: python tools/synthetic.py DIR"""
import sys
from pathlib import Path
from emotiw.data.load import open_corpus, open_image_sets
from emotiw.synthetic.corpus import generate_afew_twin, synthetic_corpus

if __name__ == '__main__' and sys.argv[1:]: print(generate_afew_twin(Path(sys.argv[1])))
elif __name__ == '__main__':
    open_corpus('synthetic', 'tiny')
    open_image_sets('synthetic', 'tiny')
    synthetic_corpus(3, 1, 1)     # with unlabelled clips
