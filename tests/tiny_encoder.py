"""A BERT of random weights, so small that tests fine-tune it in no time."""

from pathlib import Path

WORDS = "很好喜欢太差失望了的"


def write_tiny_encoder(folder: Path, model_class=None, **sizes) -> str:
    """The folder, with an encoder and its tokenizer of 128 positions in it."""
    import transformers

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        **{
            "vocab_size": len(words),
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 128,
            **sizes,
        }
    )
    (model_class or transformers.BertModel)(config).save_pretrained(folder)
    return str(folder)
