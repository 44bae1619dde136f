"""From raw posts and images to what a model can take: cleaning, words, near duplicates, word vectors, images."""
