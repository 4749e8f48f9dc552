"""The process that a Python model runs in: it calls one function with Arrow tables and writes the rows that come back.

It knows nothing of the lake. `lagoa.sql_models.python.running` starts it.
"""
