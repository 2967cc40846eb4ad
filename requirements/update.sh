#!/usr/bin/env bash
# Choose the releases that are installed by hash: `pip install uv`, then this. It takes none that is younger than two weeks.
set -euo pipefail
cd "$(dirname "$0")"

choose() {
    uv pip compile --quiet --upgrade --universal --python-version 3.10 --exclude-newer "14 days" --generate-hashes \
        --no-emit-index-url --no-annotate --no-header --output-file "$@" ../pyproject.toml build.in
}

choose tests.txt --all-extras
choose run.txt --extra hpc --extra socks --constraint tests.txt

for name in tools release; do
    uv pip compile --quiet --upgrade --universal --python-version 3.10 --exclude-newer "14 days" --generate-hashes \
        --no-emit-index-url --no-annotate --no-header --output-file "$name.txt" "$name.in"
done
