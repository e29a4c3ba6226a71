"""Turn one transcript into one grade with a reason, by rule, by model or by person; and say how far to trust it."""

from countermark.graders.registry import Grader, grader, load_grader

__all__ = ["Grader", "grader", "load_grader"]
