# What the job `top` runs. Variables of parameterSet.envVariables are there by their names.
set -eu
trap 'echo $? > "$_tapisExecSystemOutputDir/tapisjob.exitcode"' EXIT
sort "$_tapisExecSystemInputDir/words.txt" | uniq -c | sort -k1,1nr -k2 | head -n "$limit" \
  > "$_tapisExecSystemOutputDir/top.txt"
