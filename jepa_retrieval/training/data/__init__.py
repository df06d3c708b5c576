"""What is trained on: sources on disk in the field's formats, as examples of one form."""
