"""Files: storage systems, staging of inputs, archiving."""
