"""Ask the processor for rows before they are needed: far rows arrive while near ones are being worked on."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from novate.core.kernels.borrowing import inlined
from novate.core.kernels.search import purse_of

AHEAD = 16
"""How many accounts ahead rows are asked for: far enough to arrive in time, near enough not to be pushed out again."""

ROWS_MAX = 64
"""At most this many position rows of an account are asked for; the rest of a long run comes by itself."""

ROWS_PER_LINE = 2
"""A position row is 24 of the 64 bytes of a cache line."""


def ask(context, builder, table, offset):
    """Put a request for the cache line ``offset`` bytes into a table."""
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    place = builder.gep(builder.bitcast(table.data, byte), [offset])
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    name = "llvm.prefetch.p0"
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name=name)
    builder.call(function, [place, ir.Constant(number, 0), ir.Constant(number, 3), ir.Constant(number, 1)])
    return context.get_dummy_value()


@intrinsic
def prefetch(typing_context, rows, at):
    """Ask for the cache line where row ``at`` of a table begins. Reads nothing, waits for nothing, never faults."""

    def generate(context, builder, signature, arguments):
        table = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = builder.extract_value(table.strides, 0)
        return ask(context, builder, table, builder.mul(arguments[1], stride))

    return types.void(rows, types.int64), generate


@intrinsic
def prefetch_end(typing_context, rows, at):
    """Ask for the cache line where row ``at`` of a table ends: of a balance in each of several assets, the second."""

    def generate(context, builder, signature, arguments):
        table = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride, one = builder.extract_value(table.strides, 0), ir.Constant(ir.IntType(64), 1)
        offset = builder.sub(builder.mul(builder.add(arguments[1], one), stride), one)
        return ask(context, builder, table, offset)

    return types.void(rows, types.int64), generate


@inlined
def ask_for(bucket, buckets, positions, balances):
    """Ask for a bucket's balances and positions; its own row should be near by now."""
    own = buckets[np.uint64(bucket)]
    purse = purse_of(bucket, buckets)
    prefetch(balances, purse)
    if balances.shape[1] > 1:
        prefetch_end(balances, purse)
    end = own.start + min(ROWS_MAX, own.count)
    for row in range(np.uint64(own.start), np.uint64(end), np.uint64(ROWS_PER_LINE)):
        prefetch(positions, np.int64(row))
