"""The command line: one file per command. Floor 5: parse, call, print, exit."""
