"""What `--help` prints: the command's docstring, then its flags by group, each value as it would be typed."""

import re
import shlex
import textwrap
from collections.abc import Sequence

from absl import flags

_WIDTH = 110


def of_command(doc: str, titles: Sequence[tuple[str, list[str]]]) -> str:
    """The whole text.

    Args:
      doc: stands first.
      titles: of the groups, each with the names of its flags.
    """
    lines = [doc.strip(), ""]
    for title, names in titles:
        lines.append(f"{title}:")
        for name in names:
            lines.extend(_of_flag(flags.FLAGS[name]))
        lines.append("")
    lines.append("Any flags may stand in a file, one a line, given as --flagfile=PATH.")
    return "\n".join(lines)


def _of_flag(flag: flags.Flag) -> list[str]:
    name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}"
    choices = getattr(flag.parser, "enum_values", None)
    if choices:
        name += "=" + "|".join(choices)
    default = _typed_default(flag)
    # absl writes an enum's choices before its help, which stand behind the name here, and behind it that a flag may be
    # repeated.
    text = re.sub(r"^<[^>]*>: ", "", flag.help)
    text = re.sub(r";\s+repeat this option to specify a list of values$", " May be given several times.", text)
    text += f" (default: {default})" if default else ""
    return [f"  {name}", *textwrap.wrap(text, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)]


def _typed_default(flag: flags.Flag) -> str:
    """The default as it stands behind the = on a command line; "" for none."""
    if flag.default in (None, "", []):
        return ""
    if flag.boolean:
        return str(flag.default).lower()
    if isinstance(flag, flags.MultiFlag):
        return " ".join(shlex.quote(str(value)) for value in flag.default)
    text = flag.serializer.serialize(flag.default) if flag.serializer else str(flag.default)
    return shlex.quote(text)
