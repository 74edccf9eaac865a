"""In which language a text is written."""

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "pl", "tr", "ar", "hi", "zh")
"""Languages in which a person in danger is seen and answered, ISO 639-1."""
_SURE = 0.7
"""Probability from which a language is believed: short texts say little of theirs."""
_GUESSED = 0.4
"""Probability under which a language is no more than guessed: then it is mostly English."""


def language_of(text: str, otherwise: str = "en") -> str:
    """The likeliest of `LANGUAGES`, if it is plain; else the other one."""
    language, probability = _identifier().classify(text)
    return str(language) if probability >= _SURE else otherwise


def is_english(text: str) -> bool:
    """Whether a text is English, or says too little of its language ("idk", "wanna die")."""
    language, probability = _identifier().classify(text)
    return bool(language == "en" or probability < _GUESSED)


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier
