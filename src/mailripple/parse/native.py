"""A very small compiler: functions over 64-bit integers, written in Python, to machine code through LLVM.

The kernels scan gigabytes, so they must be machine code; and an administrator has no C compiler, and waits for the
first run.  A kernel function here is a plain Python function whose every value is a signed 64-bit integer and which
reaches text and tables by address.  That is all that scanning and counting need, and it is so little that translating
it takes a few milliseconds a function: the first run costs a second or two (numba: 25), later runs load the code from
the cache (numba's import alone costs more than a whole small report).

What is understood: integer and boolean arithmetic with Python's meaning except that numbers wrap at 64 bits
(`//` and `%` floor; `>>` keeps the sign), comparisons, `and`/`or`/`not`, `x if c else y`, `if`, `while`,
`for i in range(...)`, `break`, `continue`, `return`, calls of other kernel functions, integer constants of the module
or of an imported one, indexing into a constant tuple, `min` and `max` of two, and the operations below.  Anything
else is a `KernelError` that names the line.

Loads may read up to 64 bytes past the end of a text; `sources.PAD` guarantees that those bytes exist.
"""

from __future__ import annotations

import ast
import inspect
import platform
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mailripple.parse.vectors import add_counters, intrinsic, mask, read_quad

F = TypeVar("F", bound=Callable[..., Any])
#: Whether this processor is one of the x86-64 family.
ON_X86 = platform.machine() in ("x86_64", "AMD64")


class KernelError(TypeError):
    """A kernel function uses something that the compiler does not understand."""


def part(function: F) -> F:
    """Mark a building block: compiled into the entries that use it."""
    function.__kernel__ = "part"  # type: ignore[attr-defined]
    return function


def inline(function: F) -> F:
    """Mark a building block that each line needs: no call is made for it, wherever it is used."""
    function.__kernel__ = "inline"  # type: ignore[attr-defined]
    return function


def entry(function: F) -> F:
    """Mark a kernel that Python calls; the call runs without the interpreter's lock."""
    function.__kernel__ = "entry"  # type: ignore[attr-defined]
    return function


def _operation(name: str) -> Callable[..., int]:
    def operation(*_: int) -> int:
        raise KernelError(f"{name} exists only in compiled kernels")

    operation.__operation__ = name  # type: ignore[attr-defined]
    return operation


#: Loads (zero-extended) and stores by address.
u8, u16, u32, i64 = (_operation(n) for n in ("u8", "u16", "u32", "i64"))
put8, put16, put32, put64 = (_operation(n) for n in ("put8", "put16", "put32", "put64"))
#: Logical shift right; number of trailing zero bits of a word, 64 of 0.
shr, ctz = _operation("shr"), _operation("ctz")


def clz(word: int) -> int:
    """Number of leading zero bits of a word that is not 0."""
    return 64 - (word & ((1 << 64) - 1)).bit_length()


clz.__operation__ = "clz"  # type: ignore[attr-defined]
#: Number of bits of a word that are set.
popcount = _operation("popcount")
#: Bit i is set where the byte at address + i equals `byte`, i in 0..31: one vector comparison.
eqmask = _operation("eqmask")
#: The same for bytes from `low` to `high`; and where the bytes at two addresses are the same.
rangemask, samemask = _operation("rangemask"), _operation("samemask")
#: Ask for a cache line; harmless whatever the address is.
prefetch = _operation("prefetch")
#: Add the 16 counters of 8 bits at the second address, shifted left by 0 to 24 bits, to the 16 of 32 bits at the first,
#: which wrap.
add8 = _operation("add8")
#: Value of the four numbers of one to three digits that the 16 bytes at an address hold, or -1 where one begins with 0
#: or is more than 255.  The next two words say which byte goes where (ones, tens, hundreds, none: 128; four times), the
#: last two the least value of each number, as the digits stand in a word.  Only where `ON_X86`.
quad = _operation("quad")
#: The argument, of which it is known that it is not negative: a place in a text, not "not there".
position = _operation("position")
#: Low half xor high half of the 128-bit product: the mixing step of the wyhash family of hash functions.
mulmix = _operation("mulmix")


def functions_of(modules: Sequence[Any]) -> list[Callable[..., Any]]:
    """The kernel functions that the modules define, in their order."""
    found = []
    for module in modules:
        mine = (v for v in vars(module).values() if getattr(v, "__module__", "") == module.__name__)
        found += [value for value in mine if getattr(value, "__kernel__", None)]
    return found


def translate(functions: Sequence[Callable[..., Any]]) -> str:
    """LLVM's text form of the functions as one module; entries are visible by their names."""
    from llvmlite import ir

    module = ir.Module("kernels")
    known: dict[Callable[..., Any], Any] = {}
    for function in functions:
        known[function] = declare(module, function)
        if function.__kernel__ == "entry":  # type: ignore[attr-defined]
            known[function].linkage = "external"
    for function in functions:
        Body(module, known, function).compile()
    return str(module)


def declare(module: Any, function: Callable[..., Any]) -> Any:
    """A kernel function as LLVM's module must know it, to be seen in the module alone."""
    from llvmlite import ir

    word = ir.IntType(64)
    declared = ir.Function(module, ir.FunctionType(word, [word] * function.__code__.co_argcount), function.__name__)
    declared.linkage = "internal"
    declared.attributes.add("nounwind")
    if function.__kernel__ == "inline":  # type: ignore[attr-defined]
        declared.attributes.add("alwaysinline")
    return declared


_COMPARE = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_LOADS = {"u8": 8, "u16": 16, "u32": 32, "i64": 64}
_STORES = {"put8": 8, "put16": 16, "put32": 32, "put64": 64}
_SINGLE = (*_LOADS, "ctz", "clz", "popcount", "prefetch", "position")
_ARGUMENTS = {**dict.fromkeys(_SINGLE, 1), "rangemask": 3, "add8": 3, "quad": 5}


#: How often the other way is gone where a branch gives up.
SELDOM = 1000


def gives_up(body: Sequence[ast.stmt]) -> bool:
    """True if the statements end in `return -1`: most lines are such as their format says."""
    return isinstance(body[-1], ast.Return) and body[-1].value is not None and ast.unparse(body[-1].value) == "-1"


class Body:
    """Translates one function."""

    def __init__(self, module: Any, known: dict[Callable[..., Any], Any], function: Callable[..., Any]) -> None:
        from llvmlite import ir

        self.ir = ir
        self.word = ir.IntType(64)
        self.module = module
        self.known = known
        self.function = function
        self.target = known[function]
        self.names: dict[str, Any] = {}
        self.loops: list[tuple[Any, Any]] = []
        self.rare: Any = None
        source = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(source).body[0]
        assert isinstance(tree, ast.FunctionDef)
        self.tree = tree
        self.b = ir.IRBuilder(self.target.append_basic_block("entry"))

    def fail(self, node: ast.AST, why: str) -> KernelError:
        line = self.function.__code__.co_firstlineno + getattr(node, "lineno", 1) - 1
        return KernelError(f"{self.function.__module__}:{line}: {self.function.__name__}: {why}")

    def const(self, value: int) -> Any:
        return self.ir.Constant(self.word, value)

    def room(self) -> Any:
        """A variable of the function; in its first block, for one inside a loop would grow the stack each time."""
        with self.b.goto_entry_block():
            return self.b.alloca(self.word)

    def compile(self) -> None:
        given = self.tree.args
        if given.posonlyargs or given.vararg or given.kwonlyargs or given.kwarg or given.defaults:
            raise self.fail(self.tree, "only plain arguments without defaults")
        names = [a.arg for a in given.args]
        names += [n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        for name in dict.fromkeys(names):
            self.names[name] = self.b.alloca(self.word, name=name)
            self.b.store(self.const(0), self.names[name])
        for argument, value in zip(self.tree.args.args, self.target.args, strict=True):
            self.b.store(value, self.names[argument.arg])
        self.block(self.tree.body)
        if not self.b.block.is_terminated:
            self.b.ret(self.const(0))

    # statements

    def block(self, body: Sequence[ast.stmt]) -> None:
        for node in body:
            if self.b.block.is_terminated:
                return
            method = getattr(self, "do_" + type(node).__name__, None)
            if method is None:
                raise self.fail(node, f"{type(node).__name__} is not understood")
            method(node)

    def do_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def do_Pass(self, node: ast.Pass) -> None:
        return

    def do_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if len(node.targets) != 1 or not isinstance(target, ast.Name):
            raise self.fail(node, "only one name can be assigned to")
        self.b.store(self.value(node.value), self.names[target.id])

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        if not isinstance(node.target, ast.Name):
            raise self.fail(node, "only a name can be assigned to")
        place = self.names[node.target.id]
        self.b.store(self.binary(node, node.op, self.b.load(place), self.value(node.value)), place)

    def do_Return(self, node: ast.Return) -> None:
        self.b.ret(self.value(node.value) if node.value is not None else self.const(0))

    def do_If(self, node: ast.If) -> None:
        then, other, after = (self.target.append_basic_block(n) for n in ("then", "else", "after"))
        self.rare = then if gives_up(node.body) else None
        self.branch(node.test, then, other)
        self.rare = None
        for start, body in ((then, node.body), (other, node.orelse)):
            self.b.position_at_end(start)
            self.block(body)
            if not self.b.block.is_terminated:
                self.b.branch(after)
        self.b.position_at_end(after)

    def do_While(self, node: ast.While) -> None:
        if node.orelse:
            raise self.fail(node, "`else` of a loop is not understood")
        head, body, after = (self.target.append_basic_block(n) for n in ("head", "body", "done"))
        self.b.branch(head)
        self.b.position_at_end(head)
        self.branch(node.test, body, after)
        self.loop(body, node.body, head, after)

    def do_For(self, node: ast.For) -> None:
        call = node.iter
        ranged = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range"
        if not ranged or not isinstance(node.target, ast.Name) or not isinstance(call, ast.Call):
            raise self.fail(node, "only `for name in range(...)`")
        if node.orelse or call.keywords or not 1 <= len(call.args) <= 3:
            raise self.fail(node, "only range with one to three bounds, without `else`")
        if len(call.args) == 3 and not self.positive(call.args[2]):
            raise self.fail(node, "the step must be a constant greater than 0")
        bounds = [self.value(a) for a in call.args]
        start, stop = (self.const(0), bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
        step = bounds[2] if len(bounds) == 3 else self.const(1)
        counter, place = self.room(), self.names[node.target.id]
        self.b.store(start, counter)
        head, body, turn, after = (self.target.append_basic_block(n) for n in ("head", "body", "next", "done"))
        self.b.branch(head)
        self.b.position_at_end(head)
        now = self.b.load(counter)
        self.b.cbranch(self.b.icmp_signed("<", now, stop), body, after)
        self.b.position_at_end(body)
        self.b.store(now, place)
        self.loop(body, node.body, turn, after)
        self.b.position_at_end(turn)
        self.b.store(self.b.add(self.b.load(counter), step), counter)
        self.b.branch(head)
        self.b.position_at_end(after)

    def positive(self, node: ast.expr) -> bool:
        """True for a constant greater than 0."""
        known = isinstance(node, ast.Constant | ast.Attribute | ast.Name) and getattr(node, "id", "") not in self.names
        found = self.constant(node) if known else None
        return isinstance(found, int) and found > 0

    def loop(self, start: Any, body: Sequence[ast.stmt], again: Any, after: Any) -> None:
        self.b.position_at_end(start)
        self.loops.append((again, after))
        self.block(body)
        self.loops.pop()
        if not self.b.block.is_terminated:
            self.b.branch(again)
        self.b.position_at_end(after)

    def do_Break(self, node: ast.Break) -> None:
        self.b.branch(self.loops[-1][1])

    def do_Continue(self, node: ast.Continue) -> None:
        self.b.branch(self.loops[-1][0])

    # conditions

    def branch(self, node: ast.expr, yes: Any, no: Any) -> None:
        """Go to `yes` or `no`; `and` and `or` look at no more than they need, tests joined by `&` and `|` are one."""
        if isinstance(node, ast.BoolOp):
            for part_ in node.values[:-1]:
                following = self.target.append_basic_block("and")
                if isinstance(node.op, ast.And):
                    self.branch(part_, following, no)
                else:
                    self.branch(part_, yes, following)
                self.b.position_at_end(following)
            self.branch(node.values[-1], yes, no)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.branch(node.operand, no, yes)
        elif isinstance(node, ast.Compare):
            self.split(self.compare(node), yes, no)
        else:
            made = self.split(self.b.icmp_signed("!=", self.value(node), self.const(0)), yes, no)
            if any(isinstance(inner, ast.Compare) for inner in ast.walk(node)):
                made.set_metadata("unpredictable", self.module.add_metadata([]))

    def split(self, test: Any, yes: Any, no: Any) -> Any:
        """Go to `yes` or `no`; LLVM is told if one of them is rare, and moves it out of the way.  The branch."""
        made = self.b.cbranch(test, yes, no)
        if self.rare is not None and self.rare in (yes, no):
            made.set_weights([1, SELDOM] if yes is self.rare else [SELDOM, 1])
        return made

    def compare(self, node: ast.Compare) -> Any:
        left = self.value(node.left)
        found = None
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            if type(operator) not in _COMPARE:
                raise self.fail(node, f"{type(operator).__name__} is not understood")
            right = self.value(right_node)
            bit = self.b.icmp_signed(_COMPARE[type(operator)], left, right)
            found = bit if found is None else self.b.and_(found, bit)
            left = right
        return found

    # values

    def value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant | ast.Name | ast.Attribute):
            return self.plain(node)
        if isinstance(node, ast.BinOp):
            return self.binary(node, node.op, self.value(node.left), self.value(node.right))
        if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
            inner = self.value(node.operand)
            if isinstance(node.op, ast.UAdd):
                return inner
            return self.b.neg(inner) if isinstance(node.op, ast.USub) else self.b.not_(inner)
        if isinstance(node, ast.Compare):
            return self.b.zext(self.compare(node), self.word)
        if isinstance(node, ast.BoolOp | ast.UnaryOp):
            return self.choose(node, lambda: self.const(1), lambda: self.const(0))
        if isinstance(node, ast.IfExp):
            return self.choose(node.test, lambda: self.value(node.body), lambda: self.value(node.orelse))
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Subscript):
            return self.element(node)
        raise self.fail(node, f"{type(node).__name__} is not understood")

    def plain(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name) and node.id in self.names:
            return self.b.load(self.names[node.id])
        found = self.constant(node)
        if not isinstance(found, int):
            raise self.fail(node, f"{ast.unparse(node)} is not an integer")
        if not -(1 << 63) <= found < 1 << 64:
            raise self.fail(node, f"{ast.unparse(node)} does not fit into 64 bits")
        return self.const(int(found))

    def constant(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Attribute):
            return getattr(self.constant(node.value), node.attr, None)
        if not isinstance(node, ast.Name):
            raise self.fail(node, f"{ast.unparse(node)} is no name")
        if node.id in ("min", "max"):
            return min if node.id == "min" else max
        if node.id not in self.function.__globals__:
            raise self.fail(node, f"{node.id} is unknown")
        return self.function.__globals__[node.id]

    def choose(self, test: ast.expr, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
        place = self.room()
        then, other, after = (self.target.append_basic_block(n) for n in ("yes", "no", "chosen"))
        self.branch(test, then, other)
        for start, make in ((then, yes), (other, no)):
            self.b.position_at_end(start)
            self.b.store(make(), place)
            self.b.branch(after)
        self.b.position_at_end(after)
        return self.b.load(place)

    def binary(self, node: ast.AST, operator: ast.operator, left: Any, right: Any) -> Any:
        b = self.b
        simple = {
            ast.Add: b.add,
            ast.Sub: b.sub,
            ast.Mult: b.mul,
            ast.BitAnd: b.and_,
            ast.BitOr: b.or_,
            ast.BitXor: b.xor,
            ast.LShift: b.shl,
            ast.RShift: b.ashr,
        }
        if type(operator) in simple:
            return simple[type(operator)](left, right)
        rest = b.srem(left, right)
        off = b.and_(b.icmp_signed("!=", rest, self.const(0)), b.icmp_signed("<", b.xor(rest, right), self.const(0)))
        if isinstance(operator, ast.FloorDiv):
            return b.sub(b.sdiv(left, right), b.zext(off, self.word))
        if isinstance(operator, ast.Mod):
            return b.add(rest, b.select(off, right, self.const(0)))
        raise self.fail(node, f"{type(operator).__name__} is not understood")

    def element(self, node: ast.Subscript) -> Any:
        table = self.constant(node.value)
        if not isinstance(table, tuple):
            raise self.fail(node, "only constant tuples can be indexed")
        name = f"table.{self.function.__module__}.{ast.unparse(node.value)}"
        stored = self.module.globals.get(name)
        if stored is None:
            shape = self.ir.ArrayType(self.word, len(table))
            stored = self.ir.GlobalVariable(self.module, shape, name)
            stored.global_constant, stored.linkage = True, "internal"
            stored.initializer = self.ir.Constant(shape, list(table))
        return self.b.load(self.b.gep(stored, [self.const(0), self.value(node.slice)]))

    def call(self, node: ast.Call) -> Any:
        function = self.constant(node.func)
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            raise self.fail(node, "only plain arguments")
        arguments = [self.value(a) for a in node.args]
        if function in (min, max) and len(arguments) == 2:
            order = "<" if function is min else ">"
            return self.b.select(self.b.icmp_signed(order, arguments[0], arguments[1]), arguments[0], arguments[1])
        name = getattr(function, "__operation__", None)
        if name is not None:
            if len(arguments) != _ARGUMENTS.get(name, 2):
                raise self.fail(node, f"{name} takes {_ARGUMENTS.get(name, 2)} arguments")
            return operate(self, name, arguments)
        if function not in self.known:
            raise self.fail(node, f"{ast.unparse(node.func)} is no kernel function")
        if len(arguments) != len(self.known[function].args):
            raise self.fail(node, f"{ast.unparse(node.func)} takes {len(self.known[function].args)} arguments")
        return self.b.call(self.known[function], arguments)


def operate(body: Body, name: str, arguments: Sequence[Any]) -> Any:
    """One of the machine operations."""
    ir, b, word = body.ir, body.b, body.word
    byte, half = ir.IntType(8), ir.IntType(32)
    if name in _LOADS or name in _STORES:
        width = ir.IntType(_LOADS.get(name, 0) or _STORES[name])
        pointer = b.inttoptr(arguments[0], width.as_pointer())
        if name in _STORES:
            b.store(arguments[1] if width.width == 64 else b.trunc(arguments[1], width), pointer, align=1)
            return body.const(0)
        value = b.load(pointer, align=1)
        return value if width.width == 64 else b.zext(value, word)
    if name == "position":
        if getattr(arguments[0], "opname", "") == "add":  # nor is the sum larger than a word holds
            arguments[0].flags.append("nsw")
        intrinsic(body, "llvm.assume", ir.VoidType(), b.icmp_signed(">=", arguments[0], body.const(0)))
        return arguments[0]
    if name == "shr":
        return b.lshr(arguments[0], arguments[1])
    if name == "ctz":
        return b.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))
    if name == "clz":
        return b.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))
    if name == "popcount":
        return b.ctpop(arguments[0])
    if name == "mulmix":
        wide = ir.IntType(128)
        product = b.mul(b.zext(arguments[0], wide), b.zext(arguments[1], wide))
        return b.xor(b.trunc(product, word), b.trunc(b.lshr(product, ir.Constant(wide, 64)), word))
    if name == "prefetch":
        place = b.inttoptr(arguments[0], byte.as_pointer())
        intrinsic(body, "llvm.prefetch.p0", ir.VoidType(), place, half(0), half(3), half(1))
        return body.const(0)
    if name == "add8":
        return add_counters(body, *arguments)
    return read_quad(body, *arguments) if name == "quad" else mask(body, name, arguments)
