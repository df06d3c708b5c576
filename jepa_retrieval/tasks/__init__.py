"""What people do with video and meaning: index, search; one module per task."""
