# Build a tree from alignment.fa into tree.nwk. Needs the veryfasttree wheel: pip install veryfasttree
set -eu
trap 'echo $? > "$_tapisExecSystemOutputDir/tapisjob.exitcode"' EXIT
python3 -m veryfasttree -quiet -nopr "$@" -threads 1 "$_tapisExecSystemInputDir/alignment.fa" \
  > "$_tapisExecSystemOutputDir/tree.nwk"
