# Count the first ${lines} lines of the given text, or of a text of its own.
set -eu
files="${text}"
sleep "${seconds}"
if [ -z "$files" ]; then
  files=numbers.txt
  seq 1 "${lines}" > "$files"
fi
# shellcheck disable=SC2086 -- several inputs arrive as one line of names
cat $files | head -n "${lines}" | wc > counts.txt
cat counts.txt
