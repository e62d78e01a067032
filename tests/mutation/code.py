"""Mutants of the Python code: mutmut makes them, function by function, and a copy of the tree holds them all at once.

Left out are those that change nothing but the words of an error or of a log line; they are counted by themselves.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from difflib import ndiff
from pathlib import Path

import libcst as cst
from libcst import matchers as m
from mutmut.mutation.file_mutation import Mutation, combine_mutations_to_source, create_mutations, deep_replace
from mutmut.mutation.trampoline_templates import mangle_function_name

from tests.mutation.mutants import Mutant

PACKAGE = "inbox_lifecycle"

#: Calls whose texts are words for a human, by our naming of errors, and those that write the log.
_SPEAKS = m.Call(func=m.Name(m.MatchRegex(r"(Store|Invalid|History|Schema|Malformed|Unreadable)\w*")))
_LOGS = m.Call(func=m.Attribute(value=m.Name("logger")))
#: Variables that hold such words until they are raised.
_WORDS = m.Assign(targets=[m.AssignTarget(target=m.Name("message"))])


def make_tree(root: Path, tree: Path, patterns: Sequence[str]) -> tuple[list[Mutant], int]:
    """Copy the sources to `tree` with every mutant in them; the mutants, and how many others were only words."""
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ("src", "migrations"):
        shutil.copytree(root / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    mutants: list[Mutant] = []
    words = 0
    for path in sorted(path for pattern in patterns for path in (root / "src" / PACKAGE).glob(pattern)):
        relative = path.relative_to(root / "src")
        code, made, left_out = _mutate(path, relative)
        (tree / "src" / relative).write_text(code, encoding="utf-8")
        mutants += made
        words += left_out
    return mutants, words


def _mutate(path: Path, relative: Path) -> tuple[str, list[Mutant], int]:
    module, found, *_ = create_mutations(str(path), path.read_text(encoding="utf-8"))
    inside = [one for one in found if one.contained_by_top_level_function]
    spoken = _spoken(module)
    kept = [one for one in inside if not _only_words(one, spoken)]
    name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
    made = list(_named(module, kept, name, relative.relative_to(PACKAGE).as_posix()))
    return combine_mutations_to_source(module, kept).code, made, len(inside) - len(kept)


def _named(module: cst.Module, mutations: list[Mutation], name: str, file: str) -> Iterator[Mutant]:
    """The mutants as mutmut numbers them: within a function, in the order in which they were made."""
    for function, owner in _functions(module):
        own = [one for one in mutations if one.contained_by_top_level_function is function]
        mangled = f"{name}.{mangle_function_name(name=function.name.value, class_name=owner)}"
        for number, mutation in enumerate(own, start=1):
            before, after = _change(module, function, mutation)
            yield Mutant(
                kind="code",
                file=file,
                place=f"{owner}.{function.name.value}" if owner else function.name.value,
                before=before,
                after=after,
                switch=f"{mangled}__mutmut_{number}",
                reached_as=mangled,
            )


def _functions(module: cst.Module) -> Iterator[tuple[cst.FunctionDef, str | None]]:
    for statement in module.body:
        if isinstance(statement, cst.FunctionDef):
            yield statement, None
        if isinstance(statement, cst.ClassDef):
            methods = [method for method in statement.body.body if isinstance(method, cst.FunctionDef)]
            yield from ((method, statement.name.value) for method in methods)


def _change(module: cst.Module, function: cst.FunctionDef, mutation: Mutation) -> tuple[str, str]:
    """The lines that differ, each side on one line."""
    changed = cst.ensure_type(deep_replace(function, mutation.original_node, mutation.mutated_node), cst.FunctionDef)
    lines = list(ndiff(module.code_for_node(function).splitlines(), module.code_for_node(changed).splitlines()))
    before, after = (" ".join(line[2:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return before, after


def _spoken(module: cst.Module) -> set[int]:
    """The nodes of texts that errors are made with, and of whatever is logged."""
    raised = [cst.ensure_type(node, cst.Raise).exc for node in m.findall(module, m.Raise(exc=m.Call()))]
    calls = [*raised, *m.findall(module, _SPEAKS)]
    texts = [arg.value for call in calls if isinstance(call, cst.Call) for arg in call.args]
    texts += [cst.ensure_type(node, cst.Assign).value for node in m.findall(module, _WORDS)]
    words = [text for text in texts if isinstance(text, cst.BaseString)]
    return {id(node) for part in (*words, *m.findall(module, _LOGS)) for node in (part, *_below(part))}


def _below(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for child in node.children:
        yield child
        yield from _below(child)


def _only_words(mutation: Mutation, spoken: set[int]) -> bool:
    before, after = mutation.original_node, mutation.mutated_node
    if id(before) in spoken:
        return True
    if isinstance(before, cst.Assign):
        return id(before.value) in spoken
    if isinstance(before, cst.Call) and isinstance(after, cst.Call) and len(before.args) == len(after.args):
        changed = [old.value for old, new in zip(before.args, after.args, strict=True) if old is not new]
        return bool(changed) and all(id(value) in spoken for value in changed)
    return False
