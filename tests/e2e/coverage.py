#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Which test shows which row of the checklist.

    coverage.py          print doc/checklist.md as it should be
    coverage.py --write  write it

A test names the rows that it shows at the beginning of its docstring:
"S41 I2: ...".  The rows are in checklist.txt.
"""

import ast
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = os.path.join(HERE, 'checklist.txt')
TABLE = os.path.join(HERE, '..', '..', 'doc', 'checklist.md')
NAMED = re.compile(r'((?:[SDI]\d+ )*[SDI]\d+):')

HEAD = '''<!-- Made by tests/e2e/coverage.py --write; edit tests/e2e/checklist.txt -->

# What users of IMAP expect, and the tests that show it

D: Dovecot serves it and sqbox must not break it. P: the plugin and the store
decide. F: the mount of a store decides. R: the mount of a remote account. N: a
matter of documentation. Every row with D or P has an end-to-end test against a
real Dovecot, `tests/e2e/test-NAME.py`; every row with F has one with a real
mount besides, `tests/e2e/test-mount-NAME.py`, every row with R one of
`test-remote-NAME.py` or `test-imap-client.py`.
'''


def rows():
    """[(heading, [(id, who, text)])] of checklist.txt."""
    sections = []
    with open(ROWS, encoding='utf-8') as f:
        for line in f:
            if line.startswith('## '):
                sections.append((line[3:].strip(), []))
            elif line.strip() and not line.startswith('#'):
                name, who, text = line.split(None, 2)
                sections[-1][1].append((name, who, text.strip()))
    return sections


def docstrings(path):
    """(test, docstring) of each test of a program."""
    with open(path, encoding='utf-8') as f:
        tree = ast.parse(f.read(), path)
    for node in ast.walk(tree):
        if (isinstance(node, ast.FunctionDef)
                and node.name.startswith('test_')):
            yield node.name, ast.get_docstring(node) or ''


def shown():
    """{row: {program without test- and .py: [tests]}}."""
    found = {}
    pattern = os.path.join(HERE, '..', '*', 'test-*.py')
    for path in sorted(glob.glob(pattern)):
        program = os.path.basename(path)[len('test-'):-len('.py')]
        for test, text in docstrings(path):
            named = NAMED.match(' '.join(text.split()))
            for row in named.group(1).split() if named else ():
                found.setdefault(row, {}).setdefault(program, []).append(test)
    return found


def table():
    """doc/checklist.md."""
    found = shown()
    out = [HEAD]
    for heading, section in rows():
        out.append(f'\n## {heading}\n\n| row | | what | shown by |\n'
                   '|---|---|---|---|\n')
        for name, who, text in section:
            programs = ', '.join(found.get(name, {})) or '-'
            out.append(f'| {name} | {who} | {text} | {programs} |\n')
    return ''.join(out)


def main():
    if sys.argv[1:] == ['--write']:
        with open(TABLE, 'w', encoding='utf-8') as f:
            f.write(table())
    else:
        sys.stdout.write(table())


if __name__ == '__main__':
    main()
