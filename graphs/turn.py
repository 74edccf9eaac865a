"""The graph of a turn.

What was said is assessed for danger before anything is concluded from it. The steps of the chain run in
order. Once the goal of the reply is known, writing, style, plan, voice and face run side by side, joined by
the live streams of `agents.streams`; `reply` waits for all of them.
"""

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import RetryPolicy

from agents.turn import Turn
from graphs.nodes import STEPS, node
from graphs.state import TurnState
from runtime.errors import EmpatheiaError, is_retryable

_IN_ORDER = ("perceive", "assess", "event_scenario", "user_emotion", "emotion_cause", "response_goal")
_TOGETHER = ("respond", "disentangle", "synchronize", "speak", "render")


def _worth_retrying(error: Exception) -> bool:
    return isinstance(error, EmpatheiaError) and is_retryable(error)


_RETRY = RetryPolicy(
    initial_interval=1.0, backoff_factor=2.0, max_attempts=4, jitter=True, retry_on=_worth_retrying
)
"""Together some 7 seconds: a replica that died needs about as long to come back."""


def build_turn_graph(
    checkpointer: BaseCheckpointSaver[Any] | None = None,
) -> "CompiledStateGraph[TurnState, Turn, TurnState, TurnState]":
    """Builds the graph.

    Args:
        checkpointer: Where state is kept after each step, under the turn's id; without one, a crash loses
            the turn.
    """
    graph = StateGraph(TurnState, context_schema=Turn)
    for name, step in STEPS.items():
        graph.add_node(name, node(name, step), retry_policy=_RETRY)
    for before, after in zip((START, *_IN_ORDER), _IN_ORDER, strict=False):
        graph.add_edge(before, after)
    for name in _TOGETHER:
        graph.add_edge(_IN_ORDER[-1], name)
    graph.add_edge(list(_TOGETHER), "reply")
    graph.add_edge("reply", END)
    return graph.compile(checkpointer=checkpointer, name="turn")
