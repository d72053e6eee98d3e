#!/usr/bin/env python3
"""Turns the built page and openapi.json into one C file (src/server/assets.h reads it).

    embed.py OUTPUT.c OPENAPI.json WEB_SOURCE WORK_DIR [WEB_DIST]

WEB_DIST is a directory that holds a built page (index.html, manifest.txt, …). Without it the page is
built from WEB_SOURCE with npm and node into WORK_DIR first.
"""
import hashlib
import os
import re
import subprocess
import sys


def build_page(source, work):
    """npm ci when the packages are absent or older than their list, then the build."""
    stamp = os.path.join(source, "node_modules", ".package-lock.json")
    lock = os.path.join(source, "package-lock.json")
    if not os.path.exists(stamp) or os.path.getmtime(stamp) < os.path.getmtime(lock):
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=source,
                       check=True, stdout=sys.stderr)
        os.utime(stamp)
    os.makedirs(work, exist_ok=True)
    subprocess.run(["node", "build.mjs", os.path.abspath(work)], cwd=source, check=True,
                   stdout=sys.stderr)
    return work


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def c_bytes(name, data, is_static=True):
    """An array with one byte behind the data, so that its end has an address of its own."""
    rows = [",".join(str(b) for b in data[i:i + 24]) for i in range(0, len(data), 24)]
    body = ",\n".join(rows + ["0"])
    return f"{'static ' if is_static else ''}const uint8_t {name}[] = {{\n{body}}};\n"


def read(path):
    with open(path, "rb") as f:
        return f.read()


def main():
    output, openapi, source, work = sys.argv[1:5]
    dist = sys.argv[5] if len(sys.argv) > 5 and sys.argv[5] else build_page(source, work)
    out = ["/* Made by tools/embed.py. */\n#include \"server/assets.h\"\n\n",
           "extern const asset assets_table[];\nextern const size_t assets_table_n;\n",
           "extern const uint8_t asset_openapi_begin[];\n",
           "extern const uint8_t *const asset_openapi_end;\n\n"]
    api = read(openapi)
    out.append(c_bytes("asset_openapi_begin", api, is_static=False))
    out.append(f"const uint8_t *const asset_openapi_end = asset_openapi_begin + {len(api)};\n")
    rows = []
    with open(os.path.join(dist, "manifest.txt"), encoding="utf-8") as f:
        lines = [line.split(" ", 2) for line in f.read().splitlines() if line]
    for n, (url, name, media_type) in enumerate(lines):
        plain = read(os.path.join(dist, name))
        zipped_path = os.path.join(dist, name + ".gz")
        zipped = read(zipped_path) if os.path.exists(zipped_path) else None
        out.append(c_bytes(f"plain_{n}", plain))
        if zipped is not None:
            out.append(c_bytes(f"gzip_{n}", zipped))
        etag = '"' + hashlib.sha256(plain).hexdigest()[:16] + '"'
        is_immutable = re.search(r"\.[0-9a-f]{8,}\.", name) is not None
        rows.append(
            f"    {{{c_string(url)}, {c_string(media_type)}, plain_{n}, plain_{n} + {len(plain)},\n"
            + (f"     gzip_{n}, gzip_{n} + {len(zipped)}, " if zipped is not None
               else "     NULL, NULL, ")
            + f"{c_string(etag)}, {'true' if is_immutable else 'false'}}},\n")
    out.append("const asset assets_table[] = {\n" + "".join(rows) + "};\n")
    out.append(f"const size_t assets_table_n = {len(rows)};\n")
    with open(output, "w", encoding="utf-8") as f:
        f.write("".join(out))


if __name__ == "__main__":
    main()
