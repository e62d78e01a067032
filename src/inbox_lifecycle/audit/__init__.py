"""What auditors ask: the history of an inbox, the attempts on it, and whether all of it is as it was written."""
