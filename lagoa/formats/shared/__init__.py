"""What several formats share: reading records, guessing columns, and passing rows on."""
