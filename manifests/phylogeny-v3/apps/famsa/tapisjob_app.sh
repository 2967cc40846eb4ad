# Align sequences.fa with FAMSA into aligned.fa. Needs the pyfamsa wheel: pip install pyfamsa
set -eu
trap 'echo $? > "$_tapisExecSystemOutputDir/tapisjob.exitcode"' EXIT
python3 - "$_tapisExecSystemInputDir/sequences.fa" "$threads" "$_tapisExecSystemOutputDir/aligned.fa" <<'PYTHON'
import sys

from pyfamsa import Aligner, Sequence

source, threads, target = sys.argv[1:]
sequences = []
with open(source) as lines:
    for line in lines:
        if line.startswith(">"):
            sequences.append((line[1:].split()[0], []))
        else:
            sequences[-1][1].append(line.strip())
aligner = Aligner(threads=int(threads))
rows = aligner.align([Sequence(n.encode(), "".join(s).encode()) for n, s in sequences])
with open(target, "w") as out:
    for row in sorted(rows, key=lambda row: row.id):
        out.write(f">{row.id.decode()}\n{row.sequence.decode()}\n")
print(f"{len(sequences)} sequences aligned")
PYTHON
