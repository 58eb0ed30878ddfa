"""Machine operations on many numbers at once, and calls of what LLVM knows: what `native` gives out for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailripple.parse.native import Body


def read_quad(body: Body, at: Any, *arguments: Any) -> Any:
    """The operation `quad`: all four numbers at once, each in 32 bits."""
    ir, b = body.ir, body.b
    byte, half = ir.IntType(8), ir.IntType(32)
    bytes16, numbers = ir.VectorType(byte, 16), ir.VectorType(half, 4)

    def pair(one: Any, other: Any) -> Any:
        vector = ir.Constant(ir.VectorType(body.word, 2), ir.Undefined)
        return b.insert_element(b.insert_element(vector, one, half(0)), other, half(1))

    def every(n: int) -> Any:
        return splat(body, body.const(n), 32, 4)

    digits = b.sub(b.load(b.inttoptr(at, bytes16.as_pointer()), align=1), splat(body, body.const(48), 8, 16))
    places, least = b.bitcast(pair(*arguments[:2]), bytes16), b.bitcast(pair(*arguments[2:]), numbers)
    words = b.bitcast(intrinsic(body, "llvm.x86.ssse3.pshuf.b.128", bytes16, digits, places), numbers)
    ones, tens, hundreds = (b.and_(b.lshr(words, every(by)), every(255)) for by in (0, 8, 16))
    values = b.add(b.add(ones, b.mul(tens, every(10))), b.mul(hundreds, every(100)))
    wrong = b.or_(b.icmp_signed("<", words, least), b.icmp_signed(">", words, every(0x020505)))
    turned = b.shuffle_vector(values, values, ir.Constant(numbers, [3, 2, 1, 0]))
    value = b.zext(b.bitcast(b.trunc(turned, ir.VectorType(byte, 4)), half), body.word)
    return b.select(b.icmp_signed("==", b.bitcast(wrong, ir.IntType(4)), ir.IntType(4)(0)), value, body.const(-1))


def mask(body: Body, name: str, arguments: Sequence[Any]) -> Any:
    """The operations `eqmask`, `rangemask` and `samemask`: a bit for each of the 32 bytes at the first argument."""
    ir, b = body.ir, body.b
    vector = ir.VectorType(ir.IntType(8), 32)

    def load(address: Any) -> Any:
        return b.load(b.inttoptr(address, vector.as_pointer()), align=1)

    value = load(arguments[0])
    if name == "samemask":
        found = b.icmp_unsigned("==", value, load(arguments[1]))
    elif name == "eqmask":
        found = b.icmp_unsigned("==", value, splat(body, arguments[1]))
    else:
        low, high = (splat(body, argument) for argument in arguments[1:])
        found = b.icmp_unsigned("<=", b.sub(value, low), b.sub(high, low))
    return b.zext(b.bitcast(found, ir.IntType(32)), body.word)


def add_counters(body: Body, total: Any, place: Any, by: Any) -> Any:
    """The operation `add8`."""
    ir, b = body.ir, body.b
    narrow, wider = (ir.VectorType(ir.IntType(bits), 16).as_pointer() for bits in (8, 32))
    to = b.inttoptr(total, wider)
    counters = b.shl(b.zext(b.load(b.inttoptr(place, narrow), align=1), wider.pointee), splat(body, by, 32, 16))
    b.store(b.add(b.load(to, align=1), counters), to, align=1)
    return body.const(0)


def intrinsic(body: Body, name: str, result: Any, *arguments: Any) -> Any:
    """Call a function that LLVM knows."""
    shape = body.ir.FunctionType(result, [argument.type for argument in arguments])
    return body.b.call(body.module.globals.get(name) or body.ir.Function(body.module, shape, name), arguments)


def splat(body: Body, value: Any, width: int = 8, many: int = 32) -> Any:
    """A vector of `many` times the low `width` bits of `value`."""
    ir, b = body.ir, body.b
    vector = ir.VectorType(ir.IntType(width), many)
    lane = b.insert_element(ir.Constant(vector, ir.Undefined), b.trunc(value, vector.element), ir.IntType(32)(0))
    return b.shuffle_vector(lane, lane, ir.Constant(ir.VectorType(ir.IntType(32), many), [0] * many))
