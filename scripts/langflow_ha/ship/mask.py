"""What must not leave the node is replaced in a log line. Pure.

By shape, not by a list of the site's own secrets: a daemon that reads every log shall not hold them as well. Every
pattern is linear in the length of the line, and each has its lines in tests/ship/corpus.yml.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MASK = "[masked]"

_NAME_OF_ONE = (
    r"(?:passw(?:or)?d|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?"
    r"|(?:secret|private|signing|encryption|account)[_-]?key|credentials?|client[_-]?assertion"
    r"|signature|session[_-]?id|authorization|code[_-]?verifier)"
)
"""Last part of the name of a value that is a secret; `tokens` and `token_count` are numbers of a model's tokens."""
_VALUE = (
    r"(?!\\?[\"']?\[masked|(?:bearer|basic|negotiate) \[masked|(?:null|none|true|false)\b)"
    r"""(?:\\"[^"\\]*\\"|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|["'][^\r\n]*|[^\s,;&"'}\])]+)"""
)
"""A string as JSON or Python write it, inside another one too, or without its end; else a word. Not what has no secret
(any more)."""


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]


def _in_its_quotes(match: re.Match[str]) -> str:
    """Return the name and the mask, quoted as the value was: JSON stays JSON."""
    value = match["value"]
    quote = next((q for q in ('\\"', '"', "'") if value.startswith(q)), "")
    return f"{match['name']}{quote}{MASK}{quote}"


def _rule(
    pattern: str, replacement: str | Callable[[re.Match[str]], str] = MASK, flags: int = 0
) -> _Rule:
    return _Rule(re.compile(pattern, flags), replacement)


_RULES = (
    # Keys in PEM; of one that was logged line by line, the lines that are nothing but base64.
    _rule(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        flags=re.S,
    ),
    _rule(r"^[A-Za-z0-9+/]{40,76}={0,2}$", flags=re.M),
    # scheme://user:password@host
    _rule(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"']{0,128}):[^\s/@\"']{1,512}@", rf"\1:{MASK}@"),
    # HTTP headers: the scheme stays, for it helps.
    _rule(r"\b(bearer|basic|negotiate)\s+[A-Za-z0-9._~+/=-]{8,}", rf"\1 {MASK}", re.I),
    _rule(r"\b((?:set-)?cookie\"?'?\s*+[:=]\s*+)(?!\[masked)[^\r\n]+", rf"\1{MASK}", re.I),
    # Tokens that tell by their form what they are: JWT, Fernet, and those of well-known services.
    _rule(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),
    _rule(r"\bgAAAAA[A-Za-z0-9_=-]{20,}"),
    _rule(r"\b(?:sk|pk|rk|gsk|hf|lsv2|xai|r8|npm|pypi|sk_live|whsec)[-_][A-Za-z0-9_-]{16,}"),
    _rule(
        r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|hv[sbr]\.|AIza|ya29\.)[A-Za-z0-9._-]{16,}"
    ),
    _rule(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    # name: value, name=value, "name": "value", 'name': 'value'
    _rule(
        rf"(?P<name>(?:\b|_){_NAME_OF_ONE}\\?[\"']?\s*+(?>=>|[:=])\s*+)(?P<value>{_VALUE})",
        _in_its_quotes,
        re.I,
    ),
    # --name value, as of a command
    _rule(
        rf"(?P<name>(?:^|\s)--?[\w-]*{_NAME_OF_ONE}\s++)(?!-)(?P<value>{_VALUE})",
        _in_its_quotes,
        re.I,
    ),
)

_UNIT_SUFFIXES = "service|socket|timer|mount|automount|slice|scope|target|device|path|swap"
_MAIL = _rule(
    rf"[\w.+%-]{{1,64}}@(?:[\w-]{{1,63}}\.){{1,8}}(?!(?:{_UNIT_SUFFIXES})\b)[A-Za-z]{{2,24}}\b"
)
"""Names of units look like addresses."""


def masker(mail: bool) -> Callable[[str], str]:
    """Return the function that masks a line; `mail`: mail addresses too."""
    rules = (*_RULES, _MAIL) if mail else _RULES

    def mask(line: str) -> str:
        for rule in rules:
            line = rule.pattern.sub(rule.replacement, line)
        return line

    return mask
