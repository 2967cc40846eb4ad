# What the job `words` runs. Inputs are where the app's targetPath says, in the input directory;
# every file in the output directory is an output of the job.
set -eu    # the first command that fails ends the script
# Its exit code decides only if it is written here: otherwise the job is FINISHED, whatever happened.
trap 'echo $? > "$_tapisExecSystemOutputDir/tapisjob.exitcode"' EXIT
tr -cs '[:alpha:]' '\n' < "$_tapisExecSystemInputDir/text.txt" > "$_tapisExecSystemOutputDir/words.txt"
echo "$(wc -l < "$_tapisExecSystemOutputDir/words.txt") words"    # in its log: jobsync logs words
