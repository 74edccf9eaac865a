"""What people write that is hard to read aloud, and how it is read."""

import pytest

from runtime.spoken_text import spoken_text

CASES = {
    "numbers": {
        "I am 42.": "I am 42.",
        "-3.5 or 1,250": "minus 3.5 or 1,250",
        "the 21st": "the 21st",
        "1/2 and 2/3": "one half and two thirds",
        "1½ cups, ¾ full": "1 and a half cups, three quarters full",
        "8/10": "8 out of 10",
        "24/7": "24 7",
        "10-20 minutes": "10 to 20 minutes",
        "3–5 days, 50–60%": "3 to 5 days, 50 to 60 percent",
        "#1 of ~50": "number 1 of about 50",
        "2+2=4": "2 plus 2 equals 4",
        "No. 5": "number 5",
    },
    "money": {
        "It cost $1.": "It cost 1 dollar.",
        "It cost $5": "It cost 5 dollars",
        "$3.50": "3 dollars and 50 cents",
        "£0.01": "1 penny",
        "€2 million": "2 million euros",
        "$5k": "5 thousand dollars",
    },
    "units": {
        "-5 C": "minus 5 degrees Celsius",
        "20°C, 68 °F": "20 degrees Celsius, 68 degrees Fahrenheit",
        "at 60 km/h": "at 60 kilometers an hour",
        "3.5 km": "3.5 kilometers",
        "1 kg": "1 kilogram",
        "a 10km run": "a 10 kilometer run",
        "6 ft. tall": "6 feet tall",
        "5'11\"": "5 foot 11",
        "100 % of 4G": "100 percent of 4G",
        "Vitamin C": "Vitamin C",
    },
    "dates and times": {
        "12/05/2024": "December fifth, twenty twenty-four",
        "31/12/2024": "December thirty-first, twenty twenty-four",
        "2024-12-05": "December fifth, twenty twenty-four",
        "12/25": "December twenty-fifth",
        "Jan. 5, 1999": "January fifth, nineteen ninety-nine",
        "in 1994": "in nineteen ninety-four",
        "1234 people": "1234 people",
        "the 1980s and the 90s": "the nineteen eighties and the 90s",
        "at 10:30": "at 10 30",
        "at 10:00": "at 10 o'clock",
        "10:05 am": "10 oh 5 A M",
        "5pm or 5 p.m.": "5 P M or 5 P M",
        "I am here.": "I am here.",
        "The cat sat.": "The cat sat.",
    },
    "addresses": {
        "https://www.example.com/help?x=1": "example dot com slash help",
        "anna.b@mail.org": "anna dot b at mail dot org",
        "call 988": "call 9 8 8",
        "555-1234": "5 5 5, 1 2 3 4",
        "1-800-273-8255": "1, 8 0 0, 2 7 3, 8 2 5 5",
        "+1 555 123 4567": "plus 1 5 5 5 1 2 3 4 5 6 7",
        "text HOME to 741741": "text HOME to 7 4 1 7 4 1",
        "Main St. in St. Louis": "Main street in saint Louis",
    },
    "words": {
        "Dr. Smith": "doctor Smith",
        "e.g. tea": "for example tea",
        "Ph.D. in the U.S. army": "P H D in the U S army",
        "and/or": "and or",
        "his/her": "his or her",
        "w/ Tom & Anna": "with Tom and Anna",
        "btw, No.": "by the way, No.",
        "World War II": "World War 2",
        "Henry VIII": "Henry the eighth",
        "an IV drip": "an IV drip",
        "#hope": "hashtag hope",
    },
    "no words": {
        "Good 😊👍🏽 day": "Good day",
        "<speak>Hello <break time='1s'/>there</speak>": "Hello there",
        "<3 you": "you",
        "a\x00\x07b\x1bc": "a b c",
        "$ ° *": "",
        "Привет": "",
    },
}


@pytest.mark.parametrize(("written", "read"), [case for group in CASES.values() for case in group.items()])
def test_it_is_read_as_people_say_it(written, read):
    spoken = spoken_text(written)
    assert spoken.text == read
    assert len(spoken.origin) == len(read)
    assert all(0 <= word.start < word.end <= len(written) for word in spoken.words)
    assert set(spoken.origin) <= set(range(max(1, len(spoken.words))))


def test_every_written_word_keeps_its_place():
    text = "It cost $2 million in 1994!"
    spoken = spoken_text(text)
    assert [text[word.start : word.end] for word in spoken.words] == text[:-1].split()
    assert spoken.word_at(spoken.text.index("dollars")) == 3
