#!/usr/bin/env python3
"""Turn a text file into a C string constant: embed.py INPUT OUTPUT SYMBOL."""
import sys


def main() -> None:
    source, target, symbol = sys.argv[1:]
    with open(source, encoding="utf-8") as f:
        lines = f.read().splitlines()
    with open(target, "w", encoding="utf-8") as out:
        out.write('#include "engine/store/internal.h"\n\n')
        out.write(f"const char {symbol}[] =")
        for line in lines:
            # SQL comments are of no use at run time, and sqlite_master would keep them.
            text = line.split("--", 1)[0].rstrip()
            if not text:
                continue
            escaped = text.replace("\\", "\\\\").replace('"', '\\"')
            out.write(f'\n    "{escaped}\\n"')
        out.write(";\n")


main()
