"""What several formats read records, guess columns and hand rows on with."""
