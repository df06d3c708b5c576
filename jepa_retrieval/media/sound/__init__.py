"""The sound of media files, and the subtitles that say what is heard in it."""
