# SPDX-License-Identifier: MIT
"""TAP of cases that were computed: a line for each (name, got, wanted)."""


def say(cases):
    cases = list(cases)
    for number, (name, got, wanted) in enumerate(cases, 1):
        if got != wanted:
            print(f"# {got} and not {wanted}")
        print(f"{'ok' if got == wanted else 'not ok'} {number} - {name}")
    print(f"1..{len(cases)}")
