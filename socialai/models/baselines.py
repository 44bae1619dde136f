"""Honest baselines that any large model has to beat: majority, counted n-grams, frozen encoder."""

from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from socialai.validation import check_choice

BASELINES = ("majority", "tfidf", "frozen")


def build_baseline(
    name: str, seed: int = 0, encoder: str = "default", device: str = "auto"
) -> Pipeline:
    """An unfitted scikit-learn pipeline on raw texts, with `predict` and `predict_proba`.

    "majority" always says the most frequent class. "tfidf" is logistic regression on TF-IDF of
    character n-grams (1 to 3), which needs no word segmentation and so serves Chinese and English.
    "frozen" is logistic regression on the embeddings of `encoder`, which is not trained.
    Raises UserError for another name.
    """
    check_choice(name, BASELINES, "baseline")
    if name == "majority":
        return make_pipeline(
            FunctionTransformer(_as_column), DummyClassifier(strategy="most_frequent")
        )

    if name == "tfidf":
        # A cap on the features instead of a least frequency: it bounds memory, yet a handful of
        # texts still works. It is high because which of equally rare n-grams a cap keeps depends
        # on the CPU's sort, and so do the results.
        vectorizer = TfidfVectorizer(
            analyzer="char", ngram_range=(1, 3), max_features=400_000, sublinear_tf=True
        )
        return make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=1000, random_state=seed))

    from socialai.models.encoders import FrozenEncoder  # the others don't wait for transformers

    # C=10 was best or level with the best of 1 to 300 on Chinese reviews and on COLD, 400 to 2,000
    # texts. C=100, tempting because normalised embeddings have small entries, loses 1 to 4 points.
    classifier = LogisticRegression(C=10, max_iter=2000, random_state=seed)
    return make_pipeline(FrozenEncoder(encoder=encoder, device=device), classifier)


def _as_column(texts) -> list[list[str]]:
    """Texts as a column, the shape that DummyClassifier wants; it looks at their number only."""
    return [[text] for text in texts]
