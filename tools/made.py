"""Make the small corpora and image sets that notebooks and tests share, before two of them would: python tools/made.py"""
from emotiw.data import open_corpus, open_image_sets
from emotiw.made import made_corpus

if __name__ == '__main__':
    open_corpus('made', 'tiny')
    open_image_sets('made', 'tiny')
    made_corpus(3, 1, 1)     # with unlabelled clips
