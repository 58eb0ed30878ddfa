"""Machine operations on many numbers at once, and calls of what LLVM knows: what `native` gives out for them."""

from __future__ import annotations

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
