# What the job `top` runs. The names of inputs and parameters stand for their values.
set -eu
sort "${words}" | uniq -c | sort -k1,1nr -k2 | head -n "${limit}" > top.txt
