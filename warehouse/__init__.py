"""PostgreSQL: what a table is, who may see its rows, and how rows get in and out.

Knows no Dagster, no API and no KPI. Start at contract.py (what a table is) and database.py (how rows get
in and out).
"""
