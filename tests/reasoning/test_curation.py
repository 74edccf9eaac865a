"""What is chosen to learn from, and whether the composed turns keep the rules that replies are held to."""

from collections import Counter
from dataclasses import replace

import pytest

from agents.manner import pleasant
from agents.step import UtteranceData
from agents.validation import reply_fault, step_fault
from runtime.emotions import LABELS
from services.reasoning.corpus import Annotation, Said, Turn, load
from services.reasoning.curation import curated, sound_chain
from services.reasoning.training import EXEMPLARS

TURN = Turn(
    (Said("speaker", "My dog died this morning."),),
    "I'm so sorry about your dog.",
    "sad",
    Annotation("Dog died", "Dog died this morning", "Providing comfort and understanding"),
)


def noted(event: str, cause: str, goal: str) -> Turn:
    return replace(TURN, annotation=Annotation(event, cause, goal))


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        ("Providing comfort and understanding", "Provide comfort and understanding."),
        ("Reassure and encouraging", "Reassure and encourage."),
        ("Encourage sharing and nurturing trust", "Encourage sharing and nurture trust."),
    ],
)
def test_a_goal_is_straightened(goal: str, said: str) -> None:
    sound = sound_chain(noted("Dog died", "Dog died this morning", goal))
    assert sound is not None
    assert sound.annotation is not None
    assert sound.annotation.goal == said


def test_an_event_that_is_not_of_the_dialogue_is_left_out() -> None:
    assert sound_chain(noted("Family conflict", "Dog died this morning", "Offer comfort")) is None


def test_no_phrase_fills_the_choice() -> None:
    turns = [replace(TURN, history=(Said("speaker", f"My dog died, number {i}."),)) for i in range(30)]
    kept = curated(turns, replies=0, chains=30, seed=0)
    assert 0 < len(kept) < 10


def test_the_composed_turns_are_fit_to_learn_from() -> None:
    turns = [turn for conversation in load(EXEMPLARS) for turn in conversation.turns]
    counts = Counter(turn.emotion for turn in turns)
    assert set(counts) == set(LABELS)
    assert max(counts.values()) < 3 * min(counts.values())
    assert len({turn.response for turn in turns}) == len(turns)
    refused = 0
    for turn in turns:
        said = [UtteranceData.model_validate({"role": one.role, "text": one.text}) for one in turn.history]
        assert turn.annotation is not None
        refused += bool(
            reply_fault(turn.response, said, comfort=not pleasant(turn.emotion))
            or step_fault(turn.annotation.event_scenario, said, most_words=8)
            or step_fault(turn.annotation.emotion_cause, said, most_words=14, grounded=True)
            or step_fault(turn.annotation.goal, said, most_words=12)
        )
    # The first hundred were written before there was a check of words.
    assert refused < 0.1 * len(turns)
