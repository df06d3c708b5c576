"""Forms of one field of a request, told apart by their type, so that an error speaks of the form that was meant.

Pydantic puts these tags into the place of an error; a pointer leaves them out.
"""

from __future__ import annotations

TEXT_FORM = "<text>"
TERMS_FORM = "<terms>"
FORMS = (TEXT_FORM, TERMS_FORM)
