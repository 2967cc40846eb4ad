#!/usr/bin/env bash
# Build the wheel and the source distribution into the folder $1, and check them: nothing is published.
set -euo pipefail
cd "$(dirname "$0")/.."
into=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements/release.txt
"$work/tools/bin/python" -m build --no-isolation --outdir "$into" . > "$work/log" || { cat "$work/log"; exit 1; }
"$work/tools/bin/twine" check --strict "$into"/*
"$work/tools/bin/check-wheel-contents" "$into"/*.whl

# As somebody installs it: the wheel alone, and a job run by it.
python3 -m venv "$work/fresh"
"$work/fresh/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
"$work/fresh/bin/pip" install --quiet --disable-pip-version-check --no-deps "$into"/*.whl
cp -r manifests/wordcount "$work/wordcount"
cd "$work/wordcount"
"$work/fresh/bin/jobsync" apply --target local --auto-approve
"$work/fresh/bin/jobsync" plan --target local --detailed-exitcode -q
