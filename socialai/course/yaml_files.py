"""A YAML file as YAML 1.2 reads it, where its surprises are text: `no`, `1:30`, dates, octals."""

import re
from pathlib import Path

import yaml

from socialai.errors import UserError


class _Loader(yaml.SafeLoader):
    """Null, true, false and decimal numbers are told from text; a number as 012 is text, too."""

    yaml_implicit_resolvers = {}

    def construct_mapping(self, node, deep=False):
        """A dictionary whose keys are the text that stands there, each once."""
        found = {}
        for key, value in node.value:
            text = key.value if isinstance(key, yaml.ScalarNode) else None
            if text is None or text in found:
                problem = "a key is no text" if text is None else f"the key {text} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            found[text] = self.construct_object(value, deep=deep)
        return found


WHOLE = r"[-+]?(0|[1-9][0-9]*)"
SCALARS = {
    "null": "~|null|Null|NULL|",
    "bool": "true|True|TRUE|false|False|FALSE",
    "int": WHOLE,
    "float": rf"({WHOLE}(\.[0-9]*)?|[-+]?\.[0-9]+)([eE][-+]?[0-9]+)?",
}
for _kind, _pattern in SCALARS.items():
    _whole = re.compile(rf"(?:{_pattern})\Z")
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", _whole, None)


def read_yaml(path: Path) -> object:
    """What a YAML file holds; what can't be read is a UserError with its line."""
    try:
        return yaml.load(path.read_bytes(), _Loader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}: {error.problem}" if mark else ""
        raise UserError(f"{path.name} is not readable YAML{where}") from None
