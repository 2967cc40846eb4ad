# Count the first $lines lines of the given text, or of a text of its own.
set -eu
trap 'echo $? > "$_tapisExecSystemOutputDir/tapisjob.exitcode"' EXIT
text="$_tapisExecSystemInputDir/text.txt"
sleep "$wait_seconds"
[ -e "$text" ] || seq 1 "$lines" > "$text"
head -n "$lines" "$text" | wc > "$_tapisExecSystemOutputDir/counts.txt"
cat "$_tapisExecSystemOutputDir/counts.txt"
