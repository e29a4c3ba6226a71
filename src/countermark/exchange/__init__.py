"""Two parties audit each other: terms, sealed commitments before, comparison on one scale after."""
