"""Generate the small corpora and image sets that notebooks and tests share: python tools/synthetic.py"""
from emotiw.data.load import open_corpus, open_image_sets
from emotiw.synthetic.corpus import synthetic_corpus

if __name__ == '__main__':
    open_corpus('synthetic', 'tiny')
    open_image_sets('synthetic', 'tiny')
    synthetic_corpus(3, 1, 1)     # with unlabelled clips
