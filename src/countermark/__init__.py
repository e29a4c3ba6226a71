"""countermark: a second authority's mark on an AI model.

One direction of data: pack, plan, trials, transcripts, grades, records, findings, report. Each package's docstring is
its one responsibility; `docs/explanation/house.md` draws them.
"""

__version__ = "0.1.0"
