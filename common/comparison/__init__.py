"""What compare.py makes of finished runs: statistics, tables, pictures.

    statistics.py  mean and spread over the seeds, McNemar's test between two models
    tables.py      numbers → Markdown
    figures.py     the pictures of a comparison
"""
