# What the job `words` runs, in a folder of its own. The name of the input stands for the staged file.
# Every file that it leaves there is an output of the job.
set -eu    # the first command that fails ends the job, which is then reported as failed
tr -cs '[:alpha:]' '\n' < "${text}" > words.txt
echo "$(wc -l < words.txt) words"    # what it prints is in its log: jobsync logs words
