"""Runs halmos with the one instruction it lacks: CLZ (EIP-7939), which the contracts use.

Halmos 0.3.3 knows no opcode of Osaka. This adds a branch to its interpreter before it is imported,
and fails when the interpreter is not the one that it was written for.
"""

import importlib.util
import sys

MARKER = "                elif opcode == OP_BYTE:\n"
CLZ = """                elif opcode == 0x1E:
                    word = state.popi()
                    state.push_any(
                        256 - word.value.bit_length()
                        if word.is_concrete
                        else _leading_zeros(word.as_z3())
                    )

"""
LEADING_ZEROS = '''

def _leading_zeros(word):
    """The leading zeros of a symbolic word, by halving; 256 for zero."""
    from z3 import BitVecVal, Extract, If

    count, rest = BitVecVal(0, 256), word
    for step in (128, 64, 32, 16, 8, 4, 2, 1):
        empty = Extract(255, 256 - step, rest) == 0
        count = If(empty, count + step, count)
        rest = If(empty, rest << step, rest)
    return If(word == 0, BitVecVal(256, 256), count)
'''


def patch():
    """Loads halmos' interpreter with CLZ."""
    spec = importlib.util.find_spec("halmos.sevm")
    with open(spec.origin, encoding="utf8") as file:
        source = file.read()
    if source.count(MARKER) != 1:
        sys.exit("tools/deep/prove.py does not know this version of halmos")
    source = source.replace(MARKER, CLZ + MARKER) + LEADING_ZEROS
    module = importlib.util.module_from_spec(spec)
    sys.modules["halmos.sevm"] = module
    exec(compile(source, spec.origin, "exec"), module.__dict__)


if __name__ == "__main__":
    patch()
    from halmos.__main__ import main

    sys.exit(main())
