"""A tokenizer counted from a corpus of one's own; that of the default encoder is in `e5`."""

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from socialai.validation import check_choice, check_number, check_texts

SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
KINDS = ("characters", "subwords")


def train_tokenizer(
    texts, kind: str, n_vocab: int = 4000, max_length: int = 128
) -> PreTrainedTokenizerFast:
    """A tokenizer whose vocabulary is counted from texts.

    At most n_vocab entries, special tokens included. kind "characters": one token a character, as
    in BERT for Chinese. "subwords": byte-pair encoding of words (Sennrich et al. 2016), lower case.
    A token that occurs once only stays unknown. UserError for another kind.
    """
    check_choice(kind, KINDS, "kind of tokenizer")
    texts = check_texts(texts)
    n_vocab = check_number(n_vocab, "n_vocab", len(SPECIAL), whole=True)
    max_length = check_number(max_length, "max_length", 3, whole=True)  # [CLS], a token, [SEP]
    if kind == "characters":
        model = models.WordLevel(unk_token="[UNK]")
        trainer = trainers.WordLevelTrainer
        each_character = pre_tokenizers.Split(Regex("."), "isolated")
        splitter = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), each_character])
    else:
        model = models.BPE(unk_token="[UNK]")
        trainer = trainers.BpeTrainer
        splitter = pre_tokenizers.Whitespace()

    # the vocabulary
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = splitter
    options = {
        "vocab_size": n_vocab,
        "min_frequency": 2,
        "special_tokens": list(SPECIAL.values()),
        "show_progress": False,
    }
    tokenizer.train_from_iterator(texts, trainer(**options))

    # every text begins with [CLS] and ends with [SEP]
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=max_length, **SPECIAL
    )
