# Build a tree from ${alignment} into tree.nwk. Needs the veryfasttree wheel: pip install veryfasttree
python3 -m veryfasttree -quiet -nopr -${model} -threads 1 "${alignment}" > tree.nwk
