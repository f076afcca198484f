"""From raw pictures to batches."""
