"""Files as every browser shows them: videos transcoded while they are watched, photographs converted."""
