"""Kernel functions translated for one place: what is known there is worked out while translating.

`native` translates a function once, for any arguments.  `Inline` translates it into another function, at one call,
where some arguments are known: a row of the program, a slot.  Loads from that row are then constants, tests of them
are decided, and what is not reached is not translated.  The words of the kernel's block that hold a line's state
(`LOCAL`) and the slots become variables of the function, which LLVM keeps in registers: this is what gains most.

The meaning is that of the kernel functions as they stand; nothing here knows an operation of the format language.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mailripple.parse import layout as L
from mailripple.parse.native import _COMPARE, Body

#: Words of the block that are state of the line alone, so that they may live in registers.
LOCAL = {
    name: getattr(L, name)
    for name in ("HAVE", "STATUS", "TS", "TS_KIND", "NRCPT", "KNOWN", "CLIENT_KEY", "RELAY_KEY")
}
_LOCAL_AT = {at: name for name, at in LOCAL.items()}
#: Words that are known wherever such code runs: nobody asks for the places of fields, and lines are read, not values.
_SURE = {L.WIDE: 0, L.UNPACKED: 0, L.WHOLE_LINE: 1}
_WORD = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Place:
    """An address that is known but for its base: `ctx`, `slots`, or `ops` (the program's rows)."""

    base: str
    offset: int


Known = int | Place


@functools.cache
def tree_of(function: Callable[..., Any]) -> ast.FunctionDef:
    """The function's source as a tree."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    return tree


@functools.cache
def uses_state(function: Callable[..., Any]) -> bool:
    """True if the function, or one that it calls, touches a word that lives in a register, or a slot."""
    for node in ast.walk(tree_of(function)):
        if isinstance(node, ast.Attribute) and (node.attr in LOCAL or node.attr == "SLOTS"):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = function.__globals__.get(node.func.id)
            if getattr(called, "__kernel__", None) and uses_state(called):
                return True
    return False


@functools.cache
def assigned(function: Callable[..., Any]) -> dict[str, int]:
    """How often each name of the function is assigned to."""
    found: dict[str, int] = {}
    for node in ast.walk(tree_of(function)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = found.get(node.id, 0) + 1
    return found


def signed(value: int) -> int:
    """The number as a 64-bit word holds it."""
    value &= _WORD
    return value - (1 << 64) if value >> 63 else value


class Host:
    """The function that the pieces are translated into: its variables, and the program whose rows are constants."""

    def __init__(self, module: Any, known: Any, function: Any, rows: list[list[int]]) -> None:
        from llvmlite import ir

        self.ir, self.module, self.known, self.function, self.rows = ir, module, known, function, rows
        self.word = ir.IntType(64)
        self.b = ir.IRBuilder(function.append_basic_block("entry"))
        self.ctx = function.args[0]
        self.state = {name: self.variable(name) for name in LOCAL}
        self.slots = {at: self.variable(f"slot.{at}") for at in range(0, 16 * L.NSLOTS, 8)}

    def variable(self, name: str) -> Any:
        """A new variable of the function, 0 at first."""
        if not self.b.block.is_terminated and self.b.block is self.function.entry_basic_block:
            place = self.b.alloca(self.word, name=name)
            self.b.store(self.ir.Constant(self.word, 0), place)
            return place
        with self.b.goto_entry_block():
            return self.b.alloca(self.word, name=name)

    def word_at(self, place: Place) -> Any:
        """The variable or constant that stands for the word at the place; None if it is a word in memory."""
        if place.base == "ctx":
            name = _LOCAL_AT.get(place.offset)
            return self.state[name] if name else None
        if place.base == "slots":
            return self.slots[place.offset]
        return self.rows[place.offset // (8 * L.ROW)][place.offset // 8 % L.ROW]

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The function's body, here, with these arguments (known ones as numbers or places)."""
        return Inline(self, function, list(arguments)).result()


class Inline(Body):
    """Translates one call into the host's function."""

    def __init__(self, host: Host, function: Callable[..., Any], arguments: list[Any]) -> None:
        self.ir, self.word, self.module, self.known = host.ir, host.word, host.module, host.known
        self.host, self.function, self.target, self.b = host, function, host.function, host.b
        self.tree = tree_of(function)
        self.names, self.loops, self.fixed, self.rare = {}, [], {}, None
        times = assigned(function)
        self.single = {name for name, n in times.items() if n == 1}
        for parameter, given in zip(self.tree.args.args, arguments, strict=True):
            name = parameter.arg
            self.single.discard(name)
            if isinstance(given, int | Place) and name not in times:
                self.fixed[name] = given
            else:
                self.names[name] = self.room()
                self.b.store(self.const(given) if isinstance(given, int) else given, self.names[name])
        for name in times:
            if name not in self.names:
                self.names[name] = self.room()
        self.answer, self.after = self.room(), self.target.append_basic_block("back")

    def room(self) -> Any:
        return self.host.variable("v")

    def result(self) -> Any:
        self.block(self.tree.body)
        if not self.b.block.is_terminated:
            self.b.store(self.const(0), self.answer)
            self.b.branch(self.after)
        self.b.position_at_end(self.after)
        return self.b.load(self.answer)

    # what is known

    def fold(self, node: ast.expr) -> Known | None:
        """The value of an expression if it is known here; gives out no code."""
        if isinstance(node, ast.Name) and node.id in self.fixed:
            return self.fixed[node.id]
        if isinstance(node, ast.Name) and node.id in self.names:
            return None
        if isinstance(node, ast.Constant | ast.Name | ast.Attribute):
            found = self.constant(node)
            return int(found) if isinstance(found, int) else None
        if isinstance(node, ast.BinOp):
            return self._fold_binary(node)
        if isinstance(node, ast.UnaryOp):
            inner = self.fold(node.operand)
            return _UNARY[type(node.op)](inner) if isinstance(inner, int) else None
        if isinstance(node, ast.Compare):
            return self._fold_compare(node)
        if isinstance(node, ast.BoolOp):
            return self._fold_bool(node)
        if isinstance(node, ast.IfExp):
            test = self.fold(node.test)
            return None if test is None else self.fold(node.body if test else node.orelse)
        if isinstance(node, ast.Call):
            return self._fold_load(node)
        return None

    def _fold_binary(self, node: ast.BinOp) -> Known | None:
        left, right = self.fold(node.left), self.fold(node.right)
        if isinstance(node.op, ast.Add) and isinstance(left, Place) and isinstance(right, int):
            return Place(left.base, left.offset + right)
        if not (isinstance(left, int) and isinstance(right, int)) or type(node.op) not in _BINARY:
            return None
        return signed(_BINARY[type(node.op)](left, right))

    def _fold_compare(self, node: ast.Compare) -> int | None:
        values = [self.fold(v) for v in (node.left, *node.comparators)]
        if not all(isinstance(v, int) for v in values):
            return None
        pairs = zip(values, values[1:], node.ops, strict=False)
        return int(all(_TESTS[type(op)](a, b) for a, b, op in pairs))

    def _fold_bool(self, node: ast.BoolOp) -> int | None:
        """`and` and `or`: what stands behind the deciding part does not matter; before it, all must be known."""
        stop = isinstance(node.op, ast.Or)
        for value in node.values:
            found = self.fold(value)
            if not isinstance(found, int):
                return None
            if bool(found) == stop:
                return int(stop)
        return int(not stop)

    def _fold_load(self, node: ast.Call) -> Known | None:
        if getattr(self.constant(node.func), "__operation__", "") != "i64" or len(node.args) != 1:
            return None
        place = self.fold(node.args[0])
        if not isinstance(place, Place):
            return None
        if place.base == "ctx" and place.offset in _SURE:
            return _SURE[place.offset]
        if place == Place("ctx", L.SLOTS):
            return Place("slots", 0)
        found = self.host.word_at(place)
        return found if isinstance(found, int) else None

    # statements and expressions that are decided

    def do_Return(self, node: ast.Return) -> None:
        self.b.store(self.value(node.value) if node.value is not None else self.const(0), self.answer)
        self.b.branch(self.after)

    def do_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id in self.single:
            known = self.fold(node.value)
            if known is not None:
                self.fixed[target.id] = known
                return
        super().do_Assign(node)

    def do_If(self, node: ast.If) -> None:
        known = self.fold(node.test)
        if known is None:
            super().do_If(node)
        else:
            self.block(node.body if known else node.orelse)

    def branch(self, node: ast.expr, yes: Any, no: Any) -> None:
        known = self.fold(node)
        if known is None:
            super().branch(node, yes, no)
        else:
            self.b.branch(yes if known else no)

    def value(self, node: ast.expr) -> Any:
        known = self.fold(node)
        if isinstance(known, int):
            return self.const(known)
        if isinstance(known, Place):
            return self._address(node, known)
        if isinstance(node, ast.IfExp):
            test = self.fold(node.test)
            if test is not None:
                return self.value(node.body if test else node.orelse)
        return super().value(node)

    def _address(self, node: ast.AST, place: Place) -> Any:
        """A place as a number: only of words that are in memory."""
        if place.base != "ctx" or place.offset in _LOCAL_AT:
            raise self.fail(node, "the address of what lives in a register, or of a row, is not known")
        return self.b.add(self.host.ctx, self.const(place.offset))

    def call(self, node: ast.Call) -> Any:
        function = self.constant(node.func)
        operation = getattr(function, "__operation__", "")
        if operation in ("i64", "put64") and node.args:
            place = self.fold(node.args[0])
            if isinstance(place, Place):
                variable = self.host.word_at(place)
                if variable is not None and operation == "i64":
                    return self.b.load(variable)
                if variable is not None:
                    self.b.store(self.value(node.args[1]), variable)
                    return self.const(0)
        if not getattr(function, "__kernel__", None):
            return super().call(node)
        given = [self.fold(a) for a in node.args]
        if uses_state(function) or any(isinstance(g, Place) and g.base != "ctx" for g in given):
            if len(given) != len(inspect.signature(function).parameters):
                raise self.fail(node, f"{ast.unparse(node.func)} takes another number of arguments")
            known = [self.value(a) if g is None else g for g, a in zip(given, node.args, strict=True)]
            return self.host.call(function, *known)
        return super().call(node)


def _operators() -> Iterator[tuple[type[ast.operator], Callable[[int, int], int]]]:
    yield ast.Add, lambda a, b: a + b
    yield ast.Sub, lambda a, b: a - b
    yield ast.Mult, lambda a, b: a * b
    yield ast.BitAnd, lambda a, b: a & b
    yield ast.BitOr, lambda a, b: a | b
    yield ast.BitXor, lambda a, b: a ^ b
    yield ast.LShift, lambda a, b: a << (b & 63)
    yield ast.RShift, lambda a, b: a >> (b & 63)


_BINARY = dict(_operators())
_UNARY: dict[type[ast.unaryop], Callable[[int], int]] = {
    ast.USub: lambda a: -a,
    ast.UAdd: lambda a: a,
    ast.Not: lambda a: int(not a),
    ast.Invert: lambda a: ~a,
}
_TESTS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}
assert set(_TESTS) == set(_COMPARE)
