"""The program around a run: how it starts, reports errors, and which machine it runs on.

start.py      scripts and commands: TensorFlow loads quietly, errors end in a sentence
errors.py     the exceptions that are meant for the user
signals.py    Ctrl-C and SIGTERM wait until a block is done
status.py     a line on the terminal while something takes its time
streams.py    the standard streams: closed, full, or without some characters
text.py       control characters made visible, other characters replaced where they are lacking
arguments.py  the argument parser: number types, help in groups, errors in one sentence
alike.py      names that are probably meant by misspelt ones
noted.py      settings that note which of them are read
machine.py    cores, processor and versions, as they stand in every table
"""
