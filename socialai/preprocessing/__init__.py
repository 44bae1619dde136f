"""From raw posts and images to what a model can take.

cleaning, words, duplicates (near ones), word_vectors, images, logs (their ids and
times).
"""
