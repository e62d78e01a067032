"""The use-cases as flows: births, the warmup call, and the moves that operators make."""
