"""Sums of many scenarios at once, held in the processor's registers while row after row is added.

Written as vectors, which the compiler splits as wide as the processor's registers are: of a loop over an array it would
fetch and put back every sum for each few rows, and they are what a sweep spends its time on.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 64

INDEX, PLACE, REAL = ir.IntType(64), ir.IntType(32), ir.DoubleType()
SUMS = ir.VectorType(REAL, LANES)
EXACT = ["contract", "nnan", "nsz"]
"""No value is NaN and zero has no sign that counts; integers are exact whether or not a product is rounded."""


def spread(builder, value):
    """The vector of which every lane is this value."""
    one = builder.insert_element(ir.Constant(SUMS, ir.Undefined), value, ir.Constant(PLACE, 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(PLACE, LANES), [0] * LANES))


def entry(builder, array, at):
    """An entry of a one-dimensional array."""
    return builder.load(builder.gep(array.data, [at]))


def results(builder, part, row, kind):
    """A row of ``part[row, lane]``, whose rows lie one after the other, as a vector."""
    offset = builder.mul(builder.zext(row, INDEX), ir.Constant(INDEX, LANES))
    place = builder.bitcast(builder.gep(part.data, [offset]), ir.VectorType(kind, LANES).as_pointer())
    found = builder.load(place, align=4)
    return found if kind == REAL else builder.sitofp(found, SUMS)


@intrinsic
def below(typing_context, start, ranges, end, rows, low, high, part, limit, sums):
    """Write the sum of each lane into ``sums``; returns which are below a limit, a bit for each.

    Entries from ``start`` to ``ranges`` count ``low`` lots of their row of ``part[row, lane]`` (int32 or float64),
    those from there to ``end`` anything from ``low`` to ``high``: in each lane what gains less.
    """

    def generate(context, builder, signature, arguments):
        start, ranges, end, *_, limit, _ = arguments
        rows, low, high, part, sums = (
            context.make_array(signature.args[at])(context, builder, arguments[at]) for at in (3, 4, 5, 6, 8)
        )
        kind = context.get_data_type(signature.args[6].dtype)
        held = cgutils.alloca_once_value(builder, ir.Constant(SUMS, None))

        def add(at, *ends):
            line = results(builder, part, entry(builder, rows, at), kind)
            least, *others = (
                builder.fmul(spread(builder, entry(builder, lots, at)), line, flags=EXACT) for lots in ends
            )
            for other in others:
                least = builder.select(builder.fcmp_ordered("<", other, least), other, least)
            builder.store(builder.fadd(builder.load(held), least, flags=EXACT), held)

        one = ir.Constant(INDEX, 1)
        with cgutils.for_range_slice(builder, start, ranges, one, INDEX) as (at, _):
            add(at, low)
        with cgutils.for_range_slice(builder, ranges, end, one, INDEX) as (at, _):
            add(at, low, high)
        found = builder.load(held)
        builder.store(found, builder.bitcast(sums.data, SUMS.as_pointer()), align=8)
        return builder.bitcast(builder.fcmp_ordered("<", found, spread(builder, limit)), INDEX)

    arguments = (types.int64, types.int64, types.int64, rows, low, high, part, types.float64, sums)
    return types.uint64(*arguments), generate


@intrinsic
def lowest_bit(typing_context, bits):
    """The place of the lowest bit that is set; some is."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate
