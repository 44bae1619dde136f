"""A wheel built from this tree, installed away from it, does what needs no notebooks."""

import json
import os
import subprocess
import sys

import pytest
from transformers import BertConfig, BertModel

from socialai import files
from socialai.models import e5

NEED_THE_CHECKOUT = {
    "run": ["01"],
    "course": [],
    "sweep": ["bert_methods"],
    "report": [],
    "figures": [],
    "lab": [],
}
# Runs several commands in one process, as each start takes seconds: [[exit status, stderr], ...].
SEVERAL = """
import contextlib, io, json, sys
from socialai.cli.__main__ import main
found = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["socialai", *arguments]
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            main()
        except SystemExit as stopped:
            found.append([stopped.code, said.getvalue()])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(folder of the installed package, run a command line of Python in an empty folder)."""
    folder = tmp_path_factory.mktemp("wheel")
    offline = os.environ | {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def pip(*arguments):
        command = [sys.executable, "-m", "pip", *map(str, arguments), "--quiet", "--no-deps"]
        subprocess.run(command, check=True, env=offline, cwd=folder)

    pip("wheel", "--no-build-isolation", "--wheel-dir", folder, files.ROOT)
    (wheel,) = folder.glob("socialai-*.whl")
    pip("install", "--target", folder / "site", wheel)
    # Of another package, whose author let it in: no notebooks of ours.
    (folder / "site" / "notebooks").mkdir()
    (folder / "site" / "notebooks" / "01_theirs.ipynb").touch()
    before = written(folder / "site")
    (folder / "elsewhere").mkdir()
    environment = os.environ | {"PYTHONPATH": str(folder / "site"), "OMP_NUM_THREADS": "1"}
    environment.pop("SOCIALAI_ROOT", None)

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=folder / "elsewhere",
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    yield folder, run
    assert written(folder / "site") == before, "something was written beside the package"


def written(folder):
    """All files below a folder but those that Python keeps for itself."""
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """The folder of a tiny encoder."""
    folder = tmp_path_factory.mktemp("encoder")
    letters = [(letter, -3.0) for letter in "abcdefghijklmnopqrstuvwxyz \u2581"]
    special = [(piece, 0.0) for piece in ("<s>", "<pad>", "</s>", "<unk>")]
    pieces = [*special, *letters, ("<mask>", 0.0)]
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(pieces), intermediate_size=16, pad_token_id=1, **sizes)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    e5.build_tokenizer(pieces).save_pretrained(folder)
    return folder


def test_it_knows_the_data_and_has_the_set_written_for_this_project(installed):
    folder, run = installed
    code = "import socialai; from socialai import data; print(socialai.__file__)\n"
    code += "print(len(data.load('policy_posts')), data.fetch('policy_posts'))"
    where, posts = run("-c", code).stdout.splitlines()
    assert where == str(folder / "site" / "socialai" / "__init__.py")
    assert posts == f"240 {folder / 'site' / 'socialai' / 'data' / 'own'}"
    listed = run("-m", "socialai", "data", "list")
    assert listed.returncode == 0 and "policy_posts" in listed.stdout and "adult" in listed.stdout


def test_it_fine_tunes_and_predicts(installed, encoder):
    folder, run = installed
    texts = [f"{word} number {i}" for i in range(30) for word in ("good", "bad")]
    rows = [f"{text},{text.split()[0]}" for text in texts]
    (folder / "elsewhere" / "train.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    options = ["--encoder", encoder, "--epochs", "1", "--device", "cpu"]
    done = run("-m", "socialai", "finetune", "train.csv", "--out", "model", *options)
    assert done.returncode == 0, done.stderr
    assert "metrics.json written" in done.stdout.replace("\n", "")
    (folder / "elsewhere" / "new.txt").write_text("good morning\nbad luck\n")
    said = run("-m", "socialai", "predict", "model", "new.txt")
    assert said.returncode == 0, said.stderr
    assert [json.loads(line)["label"] in ("good", "bad") for line in said.stdout.splitlines()] == [
        True,
        True,
    ]
    assert {path.name for path in (folder / "elsewhere").iterdir()} == {
        "train.csv",
        "model",
        "new.txt",
    }


def test_it_says_in_one_line_what_needs_the_checkout(installed):
    _, run = installed
    commands = [[name, *rest] for name, rest in NEED_THE_CHECKOUT.items()]
    found = json.loads(run("-c", SEVERAL, json.dumps(commands)).stdout)
    for (code, said), name in zip(found, NEED_THE_CHECKOUT, strict=True):
        assert code == 2 and said.count("\n") == 1
        assert said.startswith(f"socialai: {name} needs a checkout of the repository")
