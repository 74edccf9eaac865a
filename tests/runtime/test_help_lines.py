"""Who can help, by country: the shipped file, an operator's own, and where the person is."""

import re
from pathlib import Path

import pytest

from agents.safety.assessment import help_for
from runtime.errors import InvalidInput
from runtime.help_lines import CATEGORIES, Country, HelpLine, countries, country_of
from runtime.safety import DANGERS

LINE = "{name: Ours, number: '1', source: us, date: '2026-01'}"


def lines_of(country: Country) -> list[HelpLine]:
    return [line for category in CATEGORIES for line in getattr(country, category)]


def test_every_line_says_where_its_number_comes_from() -> None:
    for code, country in countries().items():
        assert re.fullmatch(r"[A-Z]{2}", code)
        for line in lines_of(country):
            assert line.source
            assert line.date


def test_every_number_can_be_dialled() -> None:
    dialled = re.compile(r"[0-9+*#][0-9 +-]*[0-9]( (ext|option|opción) \d)?")
    wrong = [
        (code, line.number)
        for code, country in countries().items()
        for line in lines_of(country)
        if line.number and not dialled.fullmatch(line.number)
    ]
    assert not wrong


@pytest.mark.parametrize("service", ["police", "ambulance"])
def test_where_there_are_several_numbers_each_service_has_its_own(service: str) -> None:
    without = [
        code
        for code, country in countries().items()
        if len(country.emergency) > 1 and not any(service in line.service for line in country.emergency)
    ]
    assert not without


@pytest.mark.parametrize("code", countries())
def test_the_name_of_a_line_agrees_with_its_service(code: str) -> None:
    for line in countries()[code].emergency:
        for service in ("police", "ambulance", "fire"):
            if f"({service})" in line.name.lower():
                assert line.service == (service,)


@pytest.mark.parametrize(
    ("country", "kind", "number"),
    [
        ("PE", "medical", "106"),
        ("PE", "harm_from_others", "105"),
        ("CL", "medical", "131"),
        ("BR", "child_at_risk", "190"),
        ("FR", "self_harm", "15"),
        ("FR", "harm_to_others", "17"),
        ("FR", "other_at_risk", "15"),
        ("AR", "harm_from_others", "911"),
        ("PK", "medical", "1122"),
        ("GB", "medical", "999"),
    ],
)
def test_the_number_is_that_of_who_is_needed(country: str, kind: str, number: str) -> None:
    assert [line.number for line in help_for(kind, country) if line.category == "emergency"] == [number]


@pytest.mark.parametrize("kind", DANGERS)
def test_no_emergency_call_is_to_the_wrong_service(kind: str) -> None:
    service = "police" if kind in ("harm_from_others", "harm_to_others", "child_at_risk") else "ambulance"
    for code, country in countries().items():
        number = next(line.number for line in help_for(kind, code) if line.category == "emergency")
        fitting = {line.number for line in country.emergency if service in line.service}
        assert number in fitting or not fitting


def test_an_operators_own_file_is_used(tmp_path: Path) -> None:
    own = tmp_path / "help.yaml"
    own.write_text(f"countries: {{XX: {{name: Home, emergency: [{LINE}], suicide: [{LINE}]}}}}")
    assert [one.name for one in help_for("self_harm", "XX", own)] == ["Ours", "Ours"]


@pytest.mark.parametrize(
    ("country", "says"),
    [
        ("emergency: [{name: Ours}]", r"XX\.emergency\.0\.source"),
        ("emergency: []", r"XX\.emergency: .*at least 1"),
        ("emergency: [{name: Ours, number: '', source: us, date: '2026'}]", r"XX\.emergency\.0: .*number"),
        (f"emergency: [{LINE.replace('number', 'text')}]", r"XX: .*first line of emergency"),
        (f"emergency: [{LINE[:-1]}, url: 'javascript:alert(1)'}}]", r"XX\.emergency\.0\.url"),
        (f"emergency: [{LINE[:-1]}, url: 'https://'}}]", r"XX\.emergency\.0\.url"),
        (f"emergency: [{LINE[:-1]}, service: [navy]}}]", r"XX\.emergency\.0\.service\.0"),
    ],
)
def test_a_mistake_in_an_operators_file_is_refused(tmp_path: Path, country: str, says: str) -> None:
    own = tmp_path / "help.yaml"
    own.write_text(f"countries: {{XX: {{name: Home, {country}}}}}")
    with pytest.raises(InvalidInput, match=says):
        countries(own)


@pytest.mark.parametrize(
    ("header", "country"),
    [
        ("en-GB,en;q=0.9", "GB"),
        ("fr-CA;q=0.5, de-AT;q=0.8", "AT"),
        ("zh-Hant-TW", "TW"),
        ("de", ""),
        ("", ""),
        ("*;q=0.1", ""),
        # What a browser sends that nobody has told anything.
        ("en-US,en;q=0.9", ""),
        ("de,en-US;q=0.7,en;q=0.3", ""),
        ("en-US,en;q=0.9,en-NZ;q=0.8", "NZ"),
        # Somebody has: it is alone, or another language names the same country.
        ("en-US", "US"),
        ("es-US,en-US;q=0.8", "US"),
        # Not wanted, and no country.
        ("en-GB;q=0, fr-FR;q=0.5", "FR"),
        ("en-EN, it-IT;q=0.4", "IT"),
        ("en-EN", ""),
    ],
)
def test_the_browser_tells_the_country(header: str, country: str) -> None:
    assert country_of(header, countries()) == country
