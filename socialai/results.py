"""Results and findings: the only way a number or a comparison leaves a notebook.

A notebook records; the run folder keeps (`metrics.json`); `make update` writes what runs at
defaults recorded to `figures/results.json`; a check compares later runs with it.

    results.record("ndcg_at_10", 0.382, published=0.3825, source="somebody 2020", model="sar")
    lead = evaluation.bootstrap(accuracy_difference, y_true, ours, theirs)
    results.finding("tuned_beats_counting", "Fine-tuning beats TF-IDF in accuracy", lead, n=800)
"""

import ast
import math
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from IPython import get_ipython

from socialai import files

DECIMALS = 3
FREE = {"seed", "device"}  # a run with another seed or on another device is still at its defaults
VERDICTS = ("holds", "does not hold", "not told apart")

_run: dict = {"folder": None, "machine": {}, "results": [], "findings": [], "at_defaults": True}


def start(notebook: str, folder: Path | None) -> None:
    """Forget earlier results; later ones go to `folder`/metrics.json.

    Without a folder, as in JupyterLab, they are checked and go nowhere.
    """
    given = _parameters(notebook)
    _run.update(
        folder=folder,
        machine=machine(given.get("device", ("auto", "auto"))[1]),
        results=[],
        findings=[],
        at_defaults=all(now == then for name, (then, now) in given.items() if name not in FREE),
    )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        _keep()


def at_defaults() -> bool:
    """Whether the kernel's parameters, but seed and device, are those of the notebook's cell.

    A check that was only measured there asks for it: `if results.at_defaults(): assert ...`.
    """
    return _run["at_defaults"]


def record(
    name: str,
    value,
    rerun: float | None = None,
    seeds: tuple[float, float] | None = None,
    published: float | None = None,
    source: str | None = None,
    **labels: str | int | float,
) -> None:
    """Record a measured number under a name and labels of its own.

    Parameters
    ----------
    name : what was measured, "ndcg_at_10".
    value : a number, or an `evaluation.Interval`, whose ends are kept too.
    rerun : how far the same seed on the same kind of machine may be from it, absolute, measured;
        None: not in three decimals. A run with other parameters than seed and device has left
        the setting that it was measured in: it gets none.
    seeds : (lowest, highest) of other draws. Normally not given: `make update` takes it from the
        sweep `seeds`.
    published, source : the value that a paper gives under the same protocol, and which paper.
    labels : what tells this number from others of the same name, model="sar".

    Raises ValueError when the value is not finite, recorded before, or published without a source.
    """
    labels = {key: _plain(label) for key, label in labels.items()}
    result = {"name": name, "labels": labels}
    result |= _ends(value, full_name(result))
    if published is not None and not source:
        raise ValueError(f"{full_name(result)} stands beside a published value without a source")
    if full_name(result) in by_name(_run["results"]):
        raise ValueError(f"{full_name(result)} is recorded twice")
    rerun = _distance(rerun, full_name(result))
    result |= {"rerun": rerun, "seeds": None if seeds is None else [float(end) for end in seeds]}
    result |= {"published": None if published is None else float(published), "source": source}
    _run["results"].append(result)
    _keep()


@dataclass(frozen=True, repr=False)
class Finding:
    """A comparison with its verdict; `sentence` (and `str`) says both, `title` in two lines."""

    id: str
    claim: str
    value: float
    low: float
    high: float
    n: int
    against: float = 0.0
    source: str = "this run"
    rerun: float | None = None

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`: where the interval of the effect lies, seen from `against`."""
        if self.low > self.against:
            return VERDICTS[0]
        return VERDICTS[1] if self.high < self.against else VERDICTS[2]

    @property
    def amount(self) -> str:
        """The effect and its interval, rounded to two digits of the interval's width."""
        width = self.high - self.low
        decimals = min(max(1 - math.floor(math.log10(width)), 0), 6) if width > 0 else DECIMALS
        # A difference shows its sign; a level that is held against another level doesn't.
        shown = f"+,.{decimals}f" if self.against == 0 else f",.{decimals}f"
        ends = f"{self.value:{shown}} [{self.low:{shown}}, {self.high:{shown}}]"
        return ends if self.against == 0 else f"{ends} against {self.against:g}"

    @property
    def sentence(self) -> str:
        """Claim, verdict, effect: "A beats B: holds, +0.031 [+0.012, +0.049], n = 800"."""
        return f"{self.claim}: {self.verdict}, {self.amount}, n = {self.n:,}"

    @property
    def title(self) -> str:
        """The sentence in two lines, for a figure."""
        return self.sentence.replace(f"{self.claim}: ", f"{self.claim}:\n", 1)

    def __repr__(self) -> str:
        return self.sentence


def finding(
    id: str,
    claim: str,
    effect,
    n: int,
    against: float = 0.0,
    source: str = "this run",
    rerun: float | None = None,
) -> Finding:
    """Record a comparison; its verdict is computed: no sentence says more than its numbers.

    Parameters
    ----------
    id : a name of its own in the notebook, "tuned_beats_counting".
    claim : the sentence that is tried, without full stop: "Fine-tuning beats TF-IDF in accuracy".
    effect : `evaluation.Interval`, turned so that more of it speaks for the claim.
    n : how many units it was measured on, those that were resampled: texts, users, seeds.
    against : the claim holds when the whole interval lies above this, does not hold when it lies
        below; else the two are not told apart.
    source : "this run", or the committed sweep that measured the effect.
    rerun : as in `record`.

    Raises ValueError for an id that is used, an effect that is not finite, or a sweep that isn't
    committed.
    """
    ends = _ends(effect, f"finding {id}")
    if ends["low"] is None or n < 1:
        raise ValueError(f"finding {id} takes an interval and how many units it was measured on")
    if id in by_name(_run["findings"]):
        raise ValueError(f"finding {id} is recorded twice")
    if source != "this run" and not (files.FIGURES / "experiments" / f"{source}.json").is_file():
        raise ValueError(f"finding {id}: there is no committed sweep {source!r}")
    rerun = _distance(rerun, f"finding {id}")
    claim = claim.rstrip(".")
    found = Finding(id, claim, n=int(n), against=float(against), source=source, rerun=rerun, **ends)
    _run["findings"].append(asdict(found) | {"verdict": found.verdict, "sentence": found.sentence})
    _keep()
    return found


def machine(device: str = "auto") -> dict[str, str]:
    """The kind of this machine, on which alone a rerun gives the same numbers.

    Returns {"device": "cpu", "instructions": "AVX512", "precision": "bf16", "torch": "2.9.1"}, or
    nothing where torch isn't in use.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    if device == "auto":
        device = "mps" if torch.backends.mps.is_available() else "cpu"
        device = "cuda" if torch.cuda.is_available() else device
    # As models.training decides: bfloat16 where it is fast, not merely emulated.
    if device == "cuda":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        able = torch.cpu.get_capabilities()
        bf16 = device == "cpu" and (able.get("avx512_bf16") or able.get("amx_bf16"))
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "precision": "bf16" if bf16 else "fp32",
        "torch": torch.__version__.split("+")[0],
    }


def read(folder: Path) -> dict:
    """What a run recorded: {"machine": {...}, "results": [...], "findings": [...]}."""
    return {"machine": {}, "results": [], "findings": []} | files.read_json(folder / "metrics.json")


def committed() -> dict:
    """The committed results: {notebook: {"seconds", "machine", "results", "findings", "seal"}}."""
    return files.read_json(files.RESULTS)


def full_name(result: dict) -> str:
    """Name and labels, which no other result of the notebook has: "ndcg_at_10[model=sar]"."""
    labels = ", ".join(f"{name}={label}" for name, label in sorted(result["labels"].items()))
    return f"{result['name']}[{labels}]" if labels else result["name"]


def by_name(entries: list[dict]) -> dict[str, dict]:
    """Results by their full name, or findings by their id."""
    return {entry["id"] if "id" in entry else full_name(entry): entry for entry in entries}


def differences(runs: dict[str, Path], left_out: Collection[str] = ()) -> list[str]:
    """What runs at defaults ({notebook: its folder}) recorded unlike the committed results.

    left_out: notebooks whose committed results are not looked at.
    """
    kept = committed()
    found = []
    for notebook in sorted((runs.keys() | kept) - set(left_out)):
        if not (folder := runs.get(notebook)) or not folder.is_dir():
            found.append(f"{notebook}: there is no run to compare with")
            continue
        entry = {"results": [], "findings": [], "machine": {}} | kept.get(notebook, {})
        found += [f"{notebook}: {line}" for line in _entry_differences(entry, read(folder))]
    return found


def other_machines(runs: dict[str, Path]) -> list[str]:
    """A line for each kind of machine in `runs` that the committed results don't come from."""
    lines = {}
    for notebook, folder in sorted(runs.items()):
        then = committed().get(notebook, {}).get("machine", {})
        now = read(folder)["machine"]
        if then != now:
            changed = [
                f"{what} {now.get(what)} instead of {then.get(what)}"
                for what in then | now
                if then.get(what) != now.get(what)
            ]
            lines.setdefault("; ".join(changed), []).append(notebook)
    return [
        f"another kind of machine ({changed}): trained results of {', '.join(notebooks)} are "
        "compared with the range of their seeds"
        for changed, notebooks in lines.items()
    ]


def _entry_differences(then: dict, now: dict) -> list[str]:
    """What differs in the results and findings of one notebook."""
    same_kind = then["machine"] == now["machine"]
    found = []
    for kind, differs in (("results", _result_differs), ("findings", _finding_differs)):
        before = by_name(then[kind])
        after = by_name(now[kind])
        found += [f"{name} is committed but no longer recorded" for name in before.keys() - after]
        found += [f"{name} is recorded but not committed" for name in after.keys() - before]
        for name in before.keys() & after.keys():
            if reason := differs(before[name], after[name], same_kind):
                found.append(f"{name} {reason}")
    return sorted(found)


def _result_differs(then: dict, now: dict, same_kind: bool) -> str | None:
    if any(then[what] != now[what] for what in ("rerun", "published", "source")):
        return "has another tolerance, published value or source"
    span = None if same_kind else then["seeds"]
    said = f", and its seeds gave {span[0]:.4g} to {span[1]:.4g}" if span else ""
    return f"{moved}{said}" if (moved := _moved(then, now, span)) else None


def _finding_differs(then: dict, now: dict, same_kind: bool) -> str | None:
    if any(then[what] != now[what] for what in ("claim", "n", "against", "source", "rerun")):
        return "claims something else, or measures it elsewhere"
    if then["verdict"] != now["verdict"]:
        return f"{then['verdict']} in the repository, {now['verdict']} in a run"
    # Other draws of the same effect: on another kind of machine it stays inside its interval.
    return _moved(then, now, None if same_kind else (then["low"], then["high"]))


def _moved(then: dict, now: dict, span: Sequence[float] | None) -> str | None:
    """What is said of a number that left its span; without one, it and its interval stay."""
    within = tolerance(then)
    if span:
        stays = span[0] - within <= now["value"] <= span[1] + within
    else:
        pairs = [(then[end], now[end]) for end in ("value", "low", "high")]
        stays = all(a == b or None not in (a, b) and abs(a - b) <= within for a, b in pairs)
    return None if stays else f"is {_text(then)} in the repository, {_text(now)} in a run"


def _text(one: dict) -> str:
    ends = "" if one["low"] is None else f" [{one['low']:.4g}, {one['high']:.4g}]"
    return f"{one['value']:.4g}{ends}"


def tolerance(result: dict) -> float:
    """How far the same seed on the same kind of machine may be from a result or a finding."""
    if result["rerun"] is not None:
        return result["rerun"]
    return 0.5 * 10**-DECIMALS * max(1.0, abs(result["value"]))


def _ends(value, name: str) -> dict:
    """{"value", "low", "high"} as finite floats; a number, or a single run, has no ends."""
    ends = {"value": float(getattr(value, "value", value)), "low": None, "high": None}
    if not math.isnan(getattr(value, "low", math.nan)):
        ends |= {"low": float(value.low), "high": float(value.high)}
    if not all(math.isfinite(end) for end in ends.values() if end is not None):
        raise ValueError(f"{name} is {value}: only finite numbers are recorded")
    return ends


def _distance(rerun, name: str) -> float | None:
    """The tolerance of a rerun, if the run is where it was measured."""
    if rerun is not None and not (isinstance(rerun, int | float) and rerun >= 0):
        raise ValueError(f"{name}: rerun is how far another run may be, not {rerun!r}")
    return rerun if _run["at_defaults"] else None


def _plain(label) -> str | int | float:
    """A label that JSON keeps: numpy's numbers become Python's."""
    label = getattr(label, "item", lambda: label)()
    if not isinstance(label, str | int | float):
        raise ValueError(f"a label is a short text or a number, not {label!r}")
    return label


def _parameters(notebook: str) -> dict[str, tuple]:
    """{parameter: (value in the notebook's cell, value in the kernel)}; none outside a kernel."""
    kernel = get_ipython()
    path = files.NOTEBOOKS / f"{notebook}.ipynb"
    if kernel is None or not path.is_file():
        return {}
    cells = files.read_json(path)["cells"]
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    body = ast.parse("".join(tagged[0]["source"])).body if tagged else []
    values = {s.targets[0].id: s.value for s in body if isinstance(s, ast.Assign)}
    return {
        name: (ast.literal_eval(value), kernel.user_ns.get(name)) for name, value in values.items()
    }


def _keep() -> None:
    """Write what was recorded until now into the run's folder, if there is one."""
    if _run["folder"] is not None:
        kept = {kind: _run[kind] for kind in ("machine", "results", "findings")}
        files.write_json(_run["folder"] / "metrics.json", kept)
