# What each run of `estimate` executes. The names of parameters stand for their values.
set -eu    # the first command that fails ends the job, which is then reported as failed
awk -v points="${points}" -v seed="${seed}" 'BEGIN {
  srand(seed)
  for (n = 0; n < points; n++) { x = rand(); y = rand(); inside += x * x + y * y < 1 }
  printf "%.6f\n", 4 * inside / points
}' > pi.txt
