"""The ways to and from Inspect: battery tests as its tasks, its logs in and out."""
