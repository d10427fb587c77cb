# SPDX-License-Identifier: MIT
"""The mutants of a module: its source with one small mistake in it, each by an operator of mutmut.

mutmut itself would leave out most of what this package is about: it changes neither tables (the
fields of config.json, the modes, the restrictions) nor properties nor anything else that stands
outside an ordinary function. So its operators are used here, on the whole module, and one is added:
a condition that is not a comparison is negated.

Left out: annotations, `TYPE_CHECKING`, docstrings, `__slots__`, and upper and lower case of a str,
which is a text for people (of bytes, which are a protocol's, they are tried).
"""

import ast
import difflib
import random
from typing import NamedTuple

import libcst as cst
import libcst.matchers as m
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper
from mutmut.mutation.mutators import mutation_operators

_NAMES_LEFT_OUT = ("TYPE_CHECKING", "__slots__", "__version__")
_COMPARED = m.Comparison() | m.BooleanOperation() | m.UnaryOperation(operator=m.Not())


class Mutant(NamedTuple):
    """A changed module. `removed` and `added` are the lines in which it differs, stripped."""

    path: str
    place: str
    source: str
    removed: tuple[str, ...]
    added: tuple[str, ...]
    diff: str
    lines: tuple[int, ...]
    is_in_function: bool

    @property
    def identity(self):
        """The same for as long as these lines are."""
        return self.path, self.place, self.removed, self.added


class _Collector(cst.CSTVisitor):
    """Collects nodes and what may stand in their places."""

    def __init__(self):
        self.found = []
        self._names = []
        self._functions = 0

    def on_visit(self, node):
        """Use each operator that is made for the kind of this node."""
        if _is_left_out(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._names.append(node.name.value)
        place = ".".join(self._names)
        self.found += [(node, new, place, self._functions > 0) for new in _changes(node)]
        if isinstance(node, cst.If | cst.While) and not m.matches(node.test, _COMPARED):
            self.found.append((node.test, _negated(node.test), place, self._functions > 0))
        return super().on_visit(node)

    def on_leave(self, original_node):
        """Leave a function or a class."""
        super().on_leave(original_node)
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._names.pop()

    def visit_FunctionDef_body(self, _node):  # noqa: N802 - libcst's name
        """What follows runs when the function is called."""
        self._functions += 1

    def leave_FunctionDef_body(self, _node):  # noqa: N802 - libcst's name
        """See visit_FunctionDef_body."""
        self._functions -= 1


def _is_left_out(node):
    if isinstance(node, cst.Annotation | cst.ImportFrom | cst.Import):
        return True
    if isinstance(node, cst.If):
        return m.matches(node.test, m.Name("TYPE_CHECKING"))
    if isinstance(node, cst.Assign):
        target = node.targets[0].target
        return isinstance(target, cst.Name) and target.value in _NAMES_LEFT_OUT
    return False


def _changes(node):
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            changed = list(operator(node))
            if isinstance(node, cst.SimpleString) and "b" not in node.prefix:
                changed = changed[:1]
            yield from changed


def _negated(test):
    if not test.lpar:
        test = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.UnaryOperation(cst.Not(whitespace_after=cst.SimpleWhitespace(" ")), test)


class _Text:
    """The source of a module, of which a part is replaced."""

    def __init__(self, source):
        wrapper = MetadataWrapper(cst.parse_module(source))
        self.module = wrapper.module
        self.tree = ast.parse(source)
        self._bytes = source.encode()
        self._spans = wrapper.resolve(ByteSpanPositionProvider)

    def with_change(self, node, new):
        """The source with NEW instead of NODE."""
        span = self._spans.get(node)
        if span is not None:
            end = span.start + span.length
            old = self.module.code_for_node(node).strip()
            if self._bytes[span.start : end] == old.encode():
                changed = self.module.code_for_node(new).strip().encode()
                return (self._bytes[: span.start] + changed + self._bytes[end:]).decode()
        # Rarely: a node whose position does not include its parentheses. This takes 100 ms.
        return self.module.deep_replace(node, new).code


def mutants_of(path, source, share=1.0, seed=0):
    """How many mutants a module has, and a random share of them."""
    text = _Text(source)
    collector = _Collector()
    text.module.visit(collector)
    found = collector.found
    count = len(found)
    if share < 1:
        chosen = random.Random(f"{seed} {path}").sample(range(count), round(share * count))
        found = [found[index] for index in sorted(chosen)]
    made = (_made(path, source, text, *change) for change in found)
    return count, list({mutant.source: mutant for mutant in made if mutant}.values())


def _made(path, source, text, node, changed, place, is_in_function):
    mutated = text.with_change(node, changed)
    try:
        compile(mutated, path, "exec", dont_inherit=True)
    except SyntaxError:
        return None
    lines = source.splitlines(), mutated.splitlines()
    diff = list(difflib.unified_diff(*lines, path, path, n=0, lineterm=""))
    removed = tuple(line[1:].strip() for line in diff[3:] if line.startswith("-"))
    added = tuple(line[1:].strip() for line in diff[3:] if line.startswith("+"))
    if not diff:
        return None
    first = next(n for n, (old, new) in enumerate(zip(*lines, strict=False), 1) if old != new)
    statement = tuple(_statement_at(text.tree, first, first + len(removed) - 1))
    diff = "\n".join(diff[2:])
    return Mutant(path, place or "-", mutated, removed, added, diff, statement, is_in_function)


def _statement_at(tree, first, last):
    """The lines of the statements, without those inside of them, that have one of these lines."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.excepthandler):
            end = node.end_lineno
            if getattr(node, "body", None):
                end = max(node.lineno, node.body[0].lineno - 1)
            if node.lineno <= last and first <= end:
                found += range(node.lineno, end + 1)
    return sorted(set(found))
