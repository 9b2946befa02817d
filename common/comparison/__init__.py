"""What compare.py makes of finished runs: statistics, tables and pictures.

statistics.py  mean and spread over the seeds, McNemar's test between two models
tables.py      numbers → Markdown and sentences
figures.py     the pictures of a comparison

compare.py calls these functions and decides what is trained and where the files are written.
"""
