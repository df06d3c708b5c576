"""Word lists of the rules that make questions from captions."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COLOURS = _words("red orange yellow green blue purple pink brown black white gray grey tan")
NUMBERS = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6"}
PLACES = _words(
    """beach snow water grass street field park pool ocean forest woods desert kitchen office restaurant city river
    lake mountains sand mud dirt sidewalk road playground stage gym store garden yard"""
)
ACTORS = _words("man woman boy girl child dog person baby cat horse bird player")
PEOPLE = _words("man woman boy girl child person baby lady kid guy toddler player")
PLURAL_PEOPLE = _words("people men women children")
# Captions with these words leave open whether it is a man, a woman, a boy or a girl.
UNCLEAR_PEOPLE = _words(
    "person people someone child children kid kids group crowd team players couple family"
)
MASS_NOUNS = _words("water grass snow sand dirt mud woods wood hair food ice")
# Words that follow an article without being a thing to look for.
NOT_THINGS = _words(
    """air background camera picture photo side top trick ground body group front way back middle lot bit few one
    other day time sun sunny distance look pose piece pair part end edge area line number bunch type jump ride walk
    position face hand hands arm head scene place something someone mid object game race"""
)
# Verbs that say little, or that another rule covers better.
WEAK_VERBS = _words("being having wearing looking standing getting going using doing trying")
