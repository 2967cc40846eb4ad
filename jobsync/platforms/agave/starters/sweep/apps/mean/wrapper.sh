# What the job `mean` runs. Several files of one input arrive as their names on one line.
set -eu
# shellcheck disable=SC2086 -- the names are words of their own
cat ${values} | awk '{ sum += $1 } END { printf "%.6f of %d\n", sum / NR, NR }' > mean.txt
