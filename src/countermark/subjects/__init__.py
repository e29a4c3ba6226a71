"""Turn a subject into something that answers: a provider's model, open weights, a reference subject, a recording."""
