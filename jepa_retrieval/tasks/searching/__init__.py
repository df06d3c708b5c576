"""From a query to moments with a confidence, and what an index has more than once."""
