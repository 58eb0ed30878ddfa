"""Straight code for the lines that a log is full of: rows of the program, one behind the other, as machine code.

The interpreter (`machine.execute`) pays for every row: it looks up what to do, and keeps the line's state in memory.
For the rows that a log really uses this module writes a function in which every row is code of its own, with the
row's numbers as constants (`special`): lines take about half as long.
A row that is not compiled, and a line that no compiled row understands, goes to the interpreter, from the line's
beginning: straight code either reads a line as the interpreter would, or leaves it as it was.

The table of rows is all that this needs: a format stays data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mailripple.parse import keys, machine
from mailripple.parse import layout as L
from mailripple.parse.compile import Program
from mailripple.parse.elements import literal_at, step_search, step_typed
from mailripple.parse.native import SELDOM, Body, KernelError, declare
from mailripple.parse.special import Host, Place

ROW_BYTES = 8 * L.ROW
#: Operations that read a value and go on, or fail; any other that is not named below is left to the interpreter.
_VALUES = (
    *(L.WORD_OP, L.INT, L.IP, L.QID, L.ADDR, L.ADDRS, L.PEER, L.TIME),
    *(L.HOST, L.SD, L.PROGRAM, L.ADDRESS, L.PATH, L.DNAME, L.DAEMON),
)
_SEARCHES = (L.UNTIL, L.UPTO, L.REST)
_ENDS = (L.EMIT, L.SKIP, L.JUMP, L.DISPATCH)
#: Rows of a branch that is rarely taken which are compiled before the interpreter must do: enough to tell that a line
#: is none of that branch's.
_GUARD = 2


class RowError(Exception):
    """A row cannot be compiled; it is left to the interpreter."""


def successors(rows: list[list[int]], at: int) -> list[int]:
    """Rows that may follow a row, those behind a failure aside; none behind the end of a branch."""
    op = rows[at][0]
    if op in _ENDS or op == L.FAIL:
        return []
    if op == L.ALT:
        return [at + 1, rows[at][4]]
    if op == L.OPT:
        return [at + 1, rows[at][5]]
    return [at + 1 + (rows[at][1] if op in (L.KEYS, L.PICK) else 0)]


def leads_to(rows: list[list[int]], hot: set[int]) -> set[int]:
    """Rows from which a hot end of a branch can be reached."""
    found: set[int] = set(hot)
    for at in range(len(rows) - 1, -1, -1):  # rows only lead forward
        if any(n in found for n in successors(rows, at)):
            found.add(at)
    return found


@dataclass(frozen=True, slots=True)
class Fallback:
    """An alternative to go back to: its row, and the state of the line there."""

    row: int
    number: int


class Known(dict[Callable[..., Any], Any]):
    """Functions of a module, declared when they are first called; `wanted` are still to be translated."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module
        self.wanted: list[Callable[..., Any]] = []

    def __contains__(self, function: object) -> bool:
        return bool(getattr(function, "__kernel__", None))

    def __missing__(self, function: Callable[..., Any]) -> Any:
        declared = self[function] = declare(self.module, function)
        self.wanted.append(function)
        return declared


def translate(program: Program, hot: Iterable[int]) -> str:
    """LLVM's text form of `run` with straight code for what ends in the hot rows; rows that resist are left out."""
    from llvmlite import ir

    cold: set[int] = set()
    while True:
        module = ir.Module("straight")
        known = Known(module)
        word = ir.IntType(64)
        function = ir.Function(module, ir.FunctionType(word, [word] * 4), "straight")
        function.linkage = "internal"
        function.attributes.add("nounwind")
        function.attributes.add("alwaysinline")  # it is called in one place
        known[machine.understand] = function
        try:
            _Straight(module, known, function, program, set(hot), cold).compile()
            break
        except RowError as error:
            cold.add(int(error.args[0]))
    _outside(known, machine.execute, L.GO_ON)
    run = known[machine.run]
    run.linkage = "external"
    while known.wanted:
        Body(module, known, known.wanted.pop()).compile()
    return str(module)


def _outside(known: Known, function: Callable[..., Any], word: int) -> None:
    """Declare a function whose code stands elsewhere: a word of the kernel's block holds its address."""
    from llvmlite import ir

    declared = known[function]
    known.wanted.remove(function)
    b = ir.IRBuilder(declared.append_basic_block("entry"))
    b.ret(call_at(b, declared.args[0], word, declared.args))


def word_at(b: Any, ctx: Any, at: int) -> Any:
    """A word of the kernel's block, as memory holds it."""
    return b.load(b.inttoptr(b.add(ctx, ctx.type(at)), ctx.type.as_pointer()))


def call_at(b: Any, ctx: Any, at: int, arguments: Sequence[Any]) -> Any:
    """Call what a word of the kernel's block points to."""
    from llvmlite import ir

    shape = ir.FunctionType(ctx.type, [ctx.type] * len(arguments)).as_pointer()
    return b.call(b.inttoptr(word_at(b, ctx, at), shape), list(arguments))


class _Straight:
    """Writes the function that stands for `understand`: (ctx, row, begin, end of the line)."""

    def __init__(
        self, module: Any, known: Known, function: Any, program: Program, hot: set[int], cold: set[int]
    ) -> None:
        self.rows: list[list[int]] = program.ops.tolist()
        self.program, self.cold = program, cold
        self.warm = leads_to(self.rows, hot)
        self.host = Host(module, known, function, self.rows)
        self.b, self.function, self.word = self.host.b, function, self.host.word
        self.ctx, self.pc, self.start, self.e = function.args
        self.p = self.host.variable("p")
        self.saved: list[dict[str, Any]] = []
        self.blocks: dict[tuple[int, tuple[Fallback, ...], int], Any] = {}
        self.todo: list[tuple[int, tuple[Fallback, ...], int]] = []
        self.bail = function.append_basic_block("bail")

    def compile(self) -> None:
        """All rows that are wanted, from each row at which a line can begin."""
        self.b.store(self.start, self.p)
        before = word_at(self.b, self.ctx, L.NRCPT)
        self.b.store(before, self.host.state["NRCPT"])
        self.rcpt0 = before
        starts = sorted({int(r) for r in self.program.switch if int(r) in self.warm})
        self._choose(self.pc, starts)
        while self.todo:
            key = self.todo.pop()
            self.b.position_at_end(self.blocks[key])
            try:
                self._row(*key)
            except KernelError as error:
                raise RowError(key[0]) from error
        self.b.position_at_end(self.bail)
        self.b.ret(call_at(self.b, self.ctx, L.INTERPRET, self.function.args))

    def _at(self, word: int) -> Any:
        return self.b.add(self.ctx, self.host.ir.Constant(self.word, word))

    def _choose(self, row: Any, known: list[int]) -> None:
        """Go to the block of the row if it is one of those, else to the interpreter."""
        switch = self.b.switch(row, self.bail)
        for at in known:
            switch.add_case(self.host.ir.Constant(self.word, at), self._block(at, ()))

    def _block(self, at: int, stack: tuple[Fallback, ...], guard: int = 0) -> Any:
        """The block of a row, given what to go back to; `guard`: rows still to be read of a rare branch."""
        if at in self.cold:
            return self.bail
        if at in self.warm:
            guard = 0
        key = (at, stack, guard)
        if key not in self.blocks:
            self.blocks[key] = self.function.append_basic_block(f"row{at}.")
            self.todo.append(key)
        return self.blocks[key]

    def _next(self, at: int, stack: tuple[Fallback, ...], guard: int) -> Any:
        """What follows a row that was read: the next one, or the interpreter where it is a rare one's."""
        if at in self.warm:
            return self._block(at, stack)
        return self._block(at, stack, guard - 1) if guard > 1 else self.bail

    def _fail(self, stack: tuple[Fallback, ...]) -> Any:
        """The block to go to where a row does not fit: the alternative's, with the state that was saved for it."""
        if not stack:
            return self.bail
        back = stack[-1]
        key = (-1 - back.number, stack[:-1], 0)
        if key not in self.blocks:
            block = self.blocks[key] = self.function.append_basic_block(f"back{back.row}.")
            here = self.b.block
            self.b.position_at_end(block)
            for name, variable in self.saved[back.number].items():
                self.b.store(self.b.load(variable), self.p if name == "p" else self.host.state[name])
            self.b.store(self.host.ir.Constant(self.word, 0), self.host.state["STATUS"])
            self.b.branch(self._block(back.row, stack[:-1], _GUARD))
            self.b.position_at_end(here)
        return self.blocks[key]

    def _row(self, at: int, stack: tuple[Fallback, ...], guard: int) -> None:
        """One row's code, at the end of the current block."""
        op = self.rows[at][0]
        if op == L.ALT:
            self._alternative(at, stack, guard)
        elif op == L.OPT:
            found = self._step(literal_at, at)
            absent = self._block(self.rows[at][5], stack, guard)
            self._go(found, self._block(at + 1, stack, guard), absent)
        elif op == L.STATUS_OP:
            self._status(at, stack)
        elif op == L.KEYS:
            self._keys(at, stack, guard)
        elif op == L.JUMP:
            self.b.branch(self._block(self.rows[at][4], stack, _GUARD) if at in self.warm else self.bail)
        elif op == L.DISPATCH:
            self._dispatch(at)
        elif op in (L.EMIT, L.SKIP):
            self._end(at, op, stack)
        elif op == L.FAIL:
            self.b.branch(self._fail(stack))
        elif op == L.LIT:  # a rare branch's literal is proof enough that the line is a rare one
            self._go(self._step(literal_at, at), self._next(at + 1, stack, 0), self._fail(stack))
        elif op in _SEARCHES:
            self._go(self._step(step_search, at, op), self._next(at + 1, stack, guard), self._fail(stack))
        elif op in _VALUES:
            self._go(self._step(step_typed, at, op), self._next(at + 1, stack, guard), self._fail(stack))
        else:
            self.b.branch(self.bail)

    def _step(self, function: Callable[..., Any], at: int, *op: int) -> Any:
        """The kernel function that reads a row, at the current position."""
        row = Place("ops", at * ROW_BYTES)
        return self.host.call(function, Place("ctx", 0), *op, row, self.b.load(self.p), self.e)

    def _go(self, found: Any, then: Any, other: Any) -> None:
        """Go on behind what was found; -1: not found, and the position stays.  Few lines go to the interpreter."""
        moved = self.function.append_basic_block("moved")
        parted = self.b.cbranch(self.b.icmp_signed("<", found, self.host.ir.Constant(self.word, 0)), other, moved)
        if other is self.bail:
            parted.set_weights([1, SELDOM])
        self.b.position_at_end(moved)
        self.b.store(found, self.p)
        self.b.branch(then)

    def _alternative(self, at: int, stack: tuple[Fallback, ...], guard: int) -> None:
        after = self._rare_literals(at)
        if after != at:
            self.b.branch(self._block(after, stack, guard or _GUARD))
            return
        number = len(self.saved)
        self.saved.append({})
        for name in ("p", "HAVE", "NRCPT", "TS", "TS_KIND"):
            variable = self.host.variable(f"saved.{name}")
            self.b.store(self.b.load(self.p if name == "p" else self.host.state[name]), variable)
            self.saved[number][name] = variable
        self.b.branch(self._block(at + 1, (*stack, Fallback(self.rows[at][4], number)), guard or _GUARD))

    def _rare_literals(self, at: int) -> int:
        """Leave the line to the interpreter if the text of a rare alternative stands here; the row behind them all.

        Formats have hundreds of such texts.  Those of one length are told by one search instead of one after another.
        """
        texts: dict[int, set[int]] = {}
        while self.rows[at][0] == L.ALT and self.rows[at + 1][0] == L.LIT and at + 1 not in self.warm:
            _, value, mask, *_ = self.rows[at + 1]
            texts.setdefault(mask, set()).add(value & mask)
            at = self.rows[at][4]
        if not texts:
            return at
        word = self.b.load(self.b.inttoptr(self.b.load(self.p), self.word.as_pointer()), align=1)
        for mask, values in sorted(texts.items()):
            others = self.function.append_basic_block("others")
            switch = self.b.switch(self.b.and_(word, self.host.ir.Constant(self.word, mask)), others)
            for value in sorted(values):
                switch.add_case(self.host.ir.Constant(self.word, value), self.bail)
            self.b.position_at_end(others)
        return at

    def _status(self, at: int, stack: tuple[Fallback, ...]) -> None:
        """One rule; behind the one that fits, the others are passed."""
        self._step(machine.set_status, at)
        last = at
        while self.rows[last][0] == L.STATUS_OP:
            last += 1
        zero = self.host.ir.Constant(self.word, 0)
        unset = self.b.icmp_signed("==", self.b.load(self.host.state["STATUS"]), zero)
        self.b.cbranch(unset, self._block(at + 1, stack), self._block(last, stack))

    def _dispatch(self, at: int) -> None:
        if at not in self.warm:
            self.b.branch(self.bail)
            return
        self._usual_programs()
        row = self.host.call(machine.dispatch, Place("ctx", 0))
        other, ours = (self.function.append_basic_block(n) for n in ("other", "ours"))
        self.b.cbranch(self.b.icmp_signed("<", row, self.host.ir.Constant(self.word, 0)), other, ours)
        self.b.position_at_end(other)
        self.b.ret(self.host.ir.Constant(self.word, 0))
        self.b.position_at_end(ours)
        self._choose(row, sorted({r for r in self.program.programs.values() if r in self.warm}))

    def _usual_programs(self) -> None:
        """Go to the message of a program whose name is one word of the machine, without a look into the table."""
        ir, b = self.host.ir, self.b
        begin, end = (b.load(self.host.slots[16 * L.SLOT_PROGRAM + at]) for at in (0, 8))
        n = b.sub(end, begin)
        usual, other = (self.function.append_basic_block(k) for k in ("usual", "other"))
        b.cbranch(b.icmp_unsigned("<", b.sub(n, ir.Constant(self.word, 1)), ir.Constant(self.word, 8)), usual, other)
        b.position_at_end(usual)
        away = b.sub(ir.Constant(self.word, 64), b.shl(n, ir.Constant(self.word, 3)))
        word = b.load(b.inttoptr(begin, self.word.as_pointer()), align=1)
        switch = b.switch(b.lshr(b.shl(word, away), away), other)
        for name, row in self.program.programs.items():
            text = name.encode()
            if row in self.warm and len(text) <= 8 and not name.startswith("*"):
                here = self.function.append_basic_block("program")
                switch.add_case(ir.Constant(self.word, int.from_bytes(text, "little")), here)
                b.position_at_end(here)
                b.store(ir.Constant(self.word, 1), self.host.state["KNOWN"])
                long = b.icmp_signed("==", n, ir.Constant(self.word, len(text)))  # not zeros behind a shorter name
                b.cbranch(long, self._block(row, ()), other)
        b.position_at_end(other)

    def _end(self, at: int, op: int, stack: tuple[Fallback, ...]) -> None:
        """The line must end here; then it is understood."""
        whole = self.function.append_basic_block("whole")
        ends = self.b.icmp_signed("==", self.b.load(self.p), self.e)
        self.b.cbranch(ends, whole, self._fail(stack)).set_weights([SELDOM, 1])
        self.b.position_at_end(whole)
        if at not in self.warm:
            self.b.branch(self.bail)
            return
        self.host.call(machine.finish, Place("ctx", 0), Place("ops", at * ROW_BYTES), op, self.rcpt0)
        kept = self.b.load(self.host.state["NRCPT"])
        self.b.store(kept, self.b.inttoptr(self._at(L.NRCPT), self.word.as_pointer()))
        self.b.ret(self.host.ir.Constant(self.word, 0))

    def _keys(self, at: int, stack: tuple[Fallback, ...], guard: int) -> None:
        """`keys.run_keys` with a block for each key: the one that is expected next is tried first."""
        ir, zero = self.host.ir, self.host.ir.Constant(self.word, 0)
        count = self.rows[at][1]
        after = self._next(at + 1 + count, stack, guard)
        names = ("key", "test", "is")
        heads, tests, found = ([self.function.append_basic_block(n) for _ in range(count)] for n in names)
        tried = self.host.variable("tried")
        self.b.store(zero, self.b.inttoptr(self._at(L.UNCLOSED), self.word.as_pointer()))
        self.b.branch(heads[0] if count else self.bail)
        for k in range(count):
            row, following = Place("ops", (at + 1 + k) * ROW_BYTES), (k + 1) % count
            self.b.position_at_end(heads[k])
            self.b.store(zero, tried)
            self.b.cbranch(self.b.icmp_signed("<", self.b.load(self.p), self.e), tests[k], after)
            self.b.position_at_end(tests[k])
            fits = self.host.call(keys.key_stands, Place("ctx", 0), row, self.b.load(self.p), self.e)
            missed, unknown = (self.function.append_basic_block(n) for n in ("missed", "unknown"))
            self.b.cbranch(self.b.icmp_signed("!=", fits, zero), found[k], missed)
            self.b.position_at_end(missed)
            more = self.b.add(self.b.load(tried), ir.Constant(self.word, 1))
            self.b.store(more, tried)
            self.b.cbranch(self.b.icmp_signed("==", more, ir.Constant(self.word, count)), unknown, tests[following])
            for block, function, *extra in ((unknown, keys.skip_key), (found[k], keys.take_key, row)):
                self.b.position_at_end(block)
                at_key = self.b.load(self.p)
                self.b.store(self.host.call(function, Place("ctx", 0), *extra, at_key, self.e), self.p)
                self.b.branch(heads[following])
