"""Decides one SMT-LIB file: yices, else cvc5 over the integers, else bitwuzla.

Halmos calls it as its solver. Yices decides nearly everything at once; what multiplies two unknowns
is hard for bits and easier for integers. The first answer that is one counts. Each solver has its own
processor time, so that the last one has a turn and a busy machine changes no answer.
"""

import os
import resource
import subprocess
import sys

YICES_SOON_SECONDS = 1
YICES_SECONDS = 3
CVC5_SECONDS = 20
BITWUZLA_SECONDS = 40
YICES_LAST_SECONDS = 120


def by_yices(path, seconds=YICES_SECONDS):
    yices = os.path.join(os.path.dirname(sys.executable), "yices-smt2")
    return limited([yices, path], seconds)


def by_cvc5(path):
    return limited([sys.executable, __file__, "--cvc5", path], CVC5_SECONDS)


def by_bitwuzla(path):
    return limited([sys.executable, __file__, "--bitwuzla", path], BITWUZLA_SECONDS)


def by_yices_soon(path):
    return by_yices(path, YICES_SOON_SECONDS)


def by_yices_again(path):
    return by_yices(path, YICES_LAST_SECONDS)


def limited(command, seconds):
    """What a solver answers within its processor time."""

    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))

    return subprocess.run(command, capture_output=True, text=True, preexec_fn=limit).stdout


def bitwuzla_here(path):
    import bitwuzla

    options = bitwuzla.Options()
    options.set(bitwuzla.Option.PRODUCE_MODELS, True)
    bitwuzla.Parser(bitwuzla.TermManager(), options).parse(path, False, True)


def cvc5_here(path):
    import cvc5

    solver = cvc5.Solver()
    solver.setOption("solve-bv-as-int", "sum")
    parser = cvc5.InputParser(solver)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, path)
    symbols = parser.getSymbolManager()
    while not (command := parser.nextCommand()).isNull():
        answer = str(command.invoke(solver, symbols))
        print(answer, end="", flush=True)
        if answer.startswith("unsat"):
            return


def main():
    path = sys.argv[-1]
    if "--bitwuzla" in sys.argv:
        return bitwuzla_here(path)
    if "--cvc5" in sys.argv:
        return cvc5_here(path)
    # Halmos asks first with products and quotients left open, and names them when it needs them.
    with open(path, encoding="utf8") as file:
        arithmetic = "define-fun f_evm_" in file.read()
    first = (by_yices_soon, by_cvc5) if arithmetic else (by_yices, by_cvc5)
    for solve in (*first, by_bitwuzla, by_yices_again):
        answer = solve(path).lstrip()
        if answer.startswith(("sat", "unsat")):
            print(answer)
            return
    print("unknown")


if __name__ == "__main__":
    main()
