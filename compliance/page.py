"""Writes docs/compliance.md: what may be said, the numbers, and every clause with its tests."""

import re
import textwrap
from collections.abc import Iterable, Sequence

from compliance.clauses import SOURCES, Clause, Met, NotYet, Standard, contradictions, counts, standards
from compliance.numbers import kept_by, numbers, profiles

HEAD = """\
# Compliance, clause by clause

<!-- Written by `make compliance` from the files in `compliance/` and from `core/policy.py`: change those, not this. -->

For assessors and for those who answer them. No library and no backend *is* compliant: an organization is, with all that
it runs and does. Twofold brings controls that **support** the clauses below; each row names the tests that show it, and
`make test` counts them: {counts}. A row whose test fails is not counted.

Three kinds of tables, so that silence is never read as a yes: what is **met** by what is built and tested, as far as
the row says; what is **not yet**, with the reason; and what is **yours**, as only who runs the application can do it.

* Clauses are told in our words, with the standards' numbers; the standards' own text decides. *Read in quotation*: the
  text was read as others quote it. *Not checked against the primary text*: from memory; check it before you rely on it.
  Everything else was read in the primary text.
* `MUST`, `SHOULD` and `MAY` are the standard's own degree; `L3` is asked by OWASP ASVS at level 3 alone; `LAW` is law.
* A setting is a number of the [profile](#the-profiles) or a variable of the
  [environment](../README.md#settings-of-the-reference-backend). Where none stands, nothing can be set.
* What is not offered has no row: codes by mail, SMS or push, biometrics, trusted devices.
* Where a sentence speaks of sessions, passwords or accounts it is about the reference backend; everything else holds
  for every application with the library.

Beside this page: [why a code cannot be replayed](replay-resistance.md), [that there is no way
around](exceptions.md), [what is not claimed](not-claimed.md), [what is defended, by which
line](threat-model.md).
"""
PROFILES = """\
## The profiles

`TWOFA_PROFILE` chooses one, or `policy=` in an application. `recommended` bears the name of no standard. `aal2`
starts only where WebAuthn keys are on offer (NIST SP 800-63B-4, 2.2.2).
"""
BOUNDS = """\
A policy that bears the name of a standard and leaves these bounds does not start
([`test_a_number_out_of_bounds_stops_the_start`](../tests/core/test_policy.py)). Bounds of every policy are in
[`core/policy.py`](../src/twofold/core/policy.py).
"""
CONTRADICTIONS = """\
## Where standards contradict each other

What the one demands the other forbids, or leaves open. Each is settled on purpose, by the profile where that can be.
"""


def page() -> str:
    """The whole page."""
    every = standards()
    told = ", ".join(f"{number} {label}" for label, number in counts().items())
    parts = [HEAD.format(counts=told), _summary(every), *_words(every), *_numbers(), *_contradictions()]
    for standard in every:
        parts += _clauses(standard)
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell or ' ' for cell in line)} |" for line in lines) + "\n"


def _summary(every: list[Standard]) -> str:
    rows = [
        [f"[{one.title}](#{_anchor(one.title)})", *(str(len(rows)) for rows in (one.met, one.not_yet, one.yours))]
        for one in every
    ]
    return _table(["", "met", "not yet", "yours"], rows)


def _anchor(title: str) -> str:
    """How a heading is linked to."""
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def _words(every: list[Standard]) -> list[str]:
    parts = ["## What may be said\n"]
    for standard in every:
        said = [f"* Say: {standard.may_say}", *(f"* Not: {each}" for each in standard.may_not_say)]
        lines = "\n".join(textwrap.fill(each, 120, subsequent_indent="  ") for each in said)
        parts += [f"### Of {standard.title}\n", textwrap.fill(standard.about, 120), lines]
    return parts


def _numbers() -> list[str]:
    three = profiles()
    rows = [
        [f"`{each.name}`", each.meaning, *(each.of(policy) for policy in three), "; ".join(each.origins)]
        for each in numbers()
    ]
    parts = [PROFILES, _table(["number", "what it is", *(f"`{policy.name}`" for policy in three), "origin"], rows)]
    kept = [
        [f"`{policy.name}`", f"`{name}`", bounds, source]
        for policy in three
        for name, bounds, source in kept_by(policy.name)
    ]
    return [*parts, BOUNDS, _table(["profile", "number", "must be", "says"], kept)]


def _contradictions() -> list[str]:
    names = [policy.name for policy in profiles()]
    head = ["", "who says what", *(f"`{name}`" for name in names), "tests"]
    rows = [
        [each.about, each.says, *(each.profiles[name] for name in names), _tests(each.tests)]
        for each in contradictions()
    ]
    return [CONTRADICTIONS, _table(head, rows)]


def _clauses(standard: Standard) -> list[str]:
    parts = [f"## {standard.title}\n"]
    if standard.met:
        head = ["clause", "what it asks", "what we do", "setting", "tests"]
        rows = [
            [_name(each, standard), each.asks, each.does, _settings(each), _tests(each.tests)] for each in standard.met
        ]
        parts += [f"### Met: {standard.title}\n", _table(head, rows)]
    if standard.not_yet:
        head = ["clause", "what it asks", "why not yet", "setting"]
        rows = [[_name(each, standard), each.asks, each.reason, _settings(each)] for each in standard.not_yet]
        parts += [f"### Not yet: {standard.title}\n", _table(head, rows)]
    if standard.yours:
        rows = [[_name(each, standard), each.asks, each.do] for each in standard.yours]
        parts += [f"### Yours: {standard.title}\n", _table(["clause", "what it asks", "what to do"], rows)]
    return parts


def _name(clause: Clause, standard: Standard) -> str:
    """The clause, without the name of the standard whose table it stands in, with its degree and how it is known."""
    place, _, part = clause.id.removeprefix(f"{standard.title}, ").partition(": ")
    known = SOURCES[clause.source]
    lines = [f"**{place}**{f' {part}' if part else ''}", clause.level, *([f"*{known}*"] if known else [])]
    return "<br>".join(lines)


def _settings(clause: Met | NotYet) -> str:
    return ", ".join(f"`{name}`" for name in clause.settings)


def _tests(tests: Sequence[str]) -> str:
    pairs = [test.split("::", 1) for test in tests]
    return "<br>".join(f"[`{name}`](../{file})" for file, name in pairs)
