"""The dialects that the embedded service speaks, one folder each."""
