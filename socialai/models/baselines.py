"""Honest baselines that any large model has to beat: majority, counted n-grams, frozen encoder."""

from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from socialai.validation import (
    as_input_error,
    check_choice,
    check_labels,
    check_texts,
    generator_seed,
)

BASELINES = ("majority", "tfidf", "frozen")


def _on_checked_texts(name: str):
    """Pipeline's method of that name, where its steps have it, on texts that are checked."""

    def is_there(pipeline: "_TextPipeline") -> bool:
        return hasattr(super(_TextPipeline, pipeline), name)

    def method(self, X, **options):
        check_is_fitted(self)
        texts = check_texts(X, empty=True)
        # A classifier of scikit-learn refuses to answer nothing: one text, whose answer is dropped
        # again, tells what no rows look like.
        return getattr(super(_TextPipeline, self), name)(texts or [""], **options)[: len(texts)]

    method.__name__ = name
    return available_if(is_there)(method)


class _TextPipeline(Pipeline):
    """A pipeline on raw texts: any collection of strings, which is checked, as are the labels."""

    def fit(self, X, y=None, **options):
        texts = check_texts(X, ordered=y is not None)
        if y is not None:
            y = check_labels(y, len(texts))
        with as_input_error():  # what else can be wrong: one class only, texts of blanks only
            return super().fit(texts, y, **options)

    def fit_transform(self, X, y=None, **options):
        texts = check_texts(X, ordered=y is not None)
        return self.fit(texts, y, **options).transform(texts)

    def score(self, X, y=None, **options):
        check_is_fitted(self)
        texts = check_texts(X, ordered=True)
        return super().score(texts, check_labels(y, len(texts)), **options)

    transform = _on_checked_texts("transform")
    predict = _on_checked_texts("predict")
    predict_proba = _on_checked_texts("predict_proba")
    predict_log_proba = _on_checked_texts("predict_log_proba")
    decision_function = _on_checked_texts("decision_function")


def build_baseline(
    name: str, seed: int = 0, encoder: str = "default", device: str = "auto"
) -> Pipeline:
    """An unfitted scikit-learn pipeline on raw texts, with `predict` and `predict_proba`.

    Texts are any collection of strings, and none give no rows; seed is any integer.

    "majority" always says the most frequent class. "tfidf" is logistic regression on TF-IDF of
    character n-grams (1 to 3), which needs no word segmentation and so serves Chinese and English.
    "frozen" is logistic regression on the embeddings of `encoder`, which is not trained.
    Raises UserError for another name.
    """
    check_choice(name, BASELINES, "baseline")
    seed = generator_seed(seed)
    if name == "majority":
        return _pipeline(FunctionTransformer(_as_column), DummyClassifier(strategy="most_frequent"))

    if name == "tfidf":
        # A cap on the features instead of a least frequency: it bounds memory, yet a handful of
        # texts still works. It is high because which of equally rare n-grams a cap keeps depends
        # on the CPU's sort, and so do the results.
        vectorizer = TfidfVectorizer(
            analyzer="char", ngram_range=(1, 3), max_features=400_000, sublinear_tf=True
        )
        return _pipeline(vectorizer, LogisticRegression(C=10, max_iter=1000, random_state=seed))

    from socialai.models.encoders import FrozenEncoder  # the others don't wait for transformers

    # C=10 was best or level with the best of 1 to 300 on Chinese reviews and on COLD, 400 to 2,000
    # texts. C=100, tempting because normalised embeddings have small entries, loses 1 to 4 points.
    classifier = LogisticRegression(C=10, max_iter=2000, random_state=seed)
    return _pipeline(FrozenEncoder(encoder=encoder, device=device), classifier)


def _pipeline(*steps) -> _TextPipeline:
    """A pipeline whose steps bear the names that scikit-learn gives them."""
    return _TextPipeline(make_pipeline(*steps).steps)


def _as_column(texts) -> list[list[str]]:
    """Texts as a column, the shape that DummyClassifier wants; it looks at their number only."""
    return [[text] for text in texts]
