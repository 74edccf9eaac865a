"""Shows a turn as it happens: what each step concluded, on what evidence, how sure, how long."""

from empatheia.common.v1 import affect_pb2, safety_pb2
from empatheia.dialogue.v1 import dialogue_pb2
from empatheia.perception.v1 import perception_pb2
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from runtime.safety import DOUBT, FIRST

TITLES = {
    "perceive": "hearing and seeing you",
    "assess": "looking whether anybody is in danger",
    "event_scenario": "what happened",
    "user_emotion": "what you feel",
    "emotion_cause": "why",
    "response_goal": "what may help",
    "respond": "finding words",
    "response": "reply",
    "render": "speaking and drawing",
}
"""What a step is called for a person."""
_TITLES_IN_DANGER = TITLES | {"emotion_cause": "what you said"}
"""Beside a danger: nobody who tells of one is asked why."""

_EVIDENCE_SHOWN = 3


class ChainView:
    """Prints the events of one turn."""

    def __init__(
        self, console: Console, *, chain: bool = True, helped: dict[str, safety_pb2.Safety] | None = None
    ) -> None:
        """Begins a view.

        Args:
            console: Where to print.
            chain: False shows only the emotion and the reply, as a chat does.
            helped: Dangers of the talk, by kind, of which it has shown who can help; those of this turn are
                added. It is not shown again, but offered.
        """
        self._console = console
        self._chain = chain
        self._helped = {} if helped is None else helped
        self._titles = TITLES
        self._status: Status | None = None
        self._writing = False
        self.turn_id = ""
        self.trace_id = ""

    def add(self, event: dialogue_pb2.TurnEvent) -> None:
        """Prints the next event."""
        match event.WhichOneof("event"):
            case "started":
                self.turn_id, self.trace_id = event.started.turn_id, event.started.trace_id
                self._wait_for("perceive")
            case "step_started":
                # The parts of the reply begin together; what they wait for is its first words.
                name = event.step_started.name
                if name in self._titles and name != "render" and not self._writing:
                    self._wait_for(name)
            case "perceived":
                self._perceived(event.perceived)
            case "step" if event.step.name == "response":
                self.close()
                self._wait_for("render")
            case "step":
                self.show_step(event.step)
            case "safety":
                self._danger(event.safety)
            case "text":
                self._text(event.text.text)
            case "degraded":
                lost = event.degraded
                self._line(f"[yellow]! no {escape(lost.part)}: {escape(lost.reason)}[/]")
            case "reply":
                self.close()

    def _danger(self, danger: safety_pb2.Safety) -> None:
        self._titles = _TITLES_IN_DANGER
        if danger.stage == DOUBT:
            return  # The reply asks, instead of handing out numbers.
        self._stop_waiting()
        if danger.stage != FIRST and danger.kind in self._helped:
            self._line("[dim]Who can help: /numbers[/]")
        else:
            self.show_help(danger)
        self._helped[danger.kind] = danger

    def show_help(self, danger: safety_pb2.Safety) -> None:
        """Prints who can help, each number on a line of its own, to be copied."""
        self._line("[bold]Somebody who can help, right now:[/]")
        for line in danger.help:
            more = " · ".join(
                part for part in (line.hours, line.text and f"text {line.text}", line.url) if part
            )
            number = f"[bold]{escape(line.number)}[/]  " if line.number else ""
            self._line(f"  {number}{escape(line.name)}" + (f"  [dim]{escape(more)}[/]" if more else ""))
        if not danger.country:
            self._line("  [dim]For numbers, set your country: --country GB, or EMPATHEIA_HELP__COUNTRY=GB[/]")

    def close(self) -> None:
        """Ends what is being shown; may be called twice."""
        self._stop_waiting()
        if self._writing:
            self._console.print()
            self._writing = False

    def _perceived(self, perception: perception_pb2.Perception) -> None:
        if perception.HasField("transcript") and perception.transcript.text:
            sure = _percent(perception.transcript.confidence)
            self._line(f"[dim]heard[/] “{escape(perception.transcript.text)}” [dim]{sure}[/]")
        if not self._chain:
            return
        for modality in perception.modalities:
            if modality.present:
                top = max(modality.affect.classes.entries, key=lambda entry: entry.probability, default=None)
                says = f"{top.label} {_percent(top.probability)}" if top else "unsure"
                self._line(f"[dim]{escape(modality.modality)}[/] {escape(says)}")
            else:
                self._line(f"[dim]{escape(modality.modality)} –  {escape(modality.reason)}[/]")
        for conflict in perception.conflicts:
            self._line(f"[yellow]{escape(conflict.description)}[/]")
        for note in perception.notes:
            self._line(f"[dim]{escape(note)}[/]")

    def show_reply(self, reply: dialogue_pb2.Reply) -> None:
        """Prints the whole chain of a reply."""
        if reply.HasField("safety"):
            self._titles = _TITLES_IN_DANGER
        for step in reply.chain:
            self.show_step(step)

    def show_step(self, step: dialogue_pb2.ChainStep) -> None:
        """Prints what a step concluded."""
        if not self._chain:
            if step.name == "user_emotion" and step.distribution.entries:
                label = step.distribution.entries[0].label
                self._line(f"[dim]you feel[/] [magenta]{escape(label)}[/]")
            return
        sure = f"{_percent(step.confidence)} · " if step.confidence else ""
        title = self._titles.get(step.name, step.name)
        self._line(f"[bold cyan]{escape(title)}[/] [dim]{sure}{step.elapsed_ms:.0f} ms[/]")
        self._line(f"  {escape(step.text)}")
        likely = [e for e in step.distribution.entries[:3] if e.probability >= 0.01 and e.label != step.text]
        if likely:
            shown = " · ".join(f"{e.label} {_percent(e.probability)}" for e in likely)
            self._line(f"  [dim]{escape(shown)}[/]")
        if step.alternatives:
            others = " · ".join(f"{one.text} {_percent(one.confidence)}" for one in step.alternatives)
            self._line(f"  [dim]or: {escape(others)}[/]")
        strongest = sorted(step.evidence, key=lambda item: -item.weight)[:_EVIDENCE_SHOWN]
        for item in strongest:
            self._line(f"  [dim]↳ {escape(quote(item))}[/]")

    def _text(self, text: str) -> None:
        self._stop_waiting()
        if not self._writing:
            self._writing = True
            self._console.print("[bold green]reply[/]" if self._chain else "[bold green]empatheia[/]")
            text = "  " + text.lstrip()
        self._console.print(escape(text), end="", soft_wrap=True)

    def _line(self, text: str) -> None:
        if self._writing:
            self._console.print()
            self._writing = False
        self._console.print(text)

    def _wait_for(self, step: str) -> None:
        if not self._console.is_terminal:
            return
        text = f"[dim]{self._titles.get(step, step)} …[/]"
        if self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        else:
            self._status.update(text)

    def _stop_waiting(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def quote(evidence: affect_pb2.Evidence) -> str:
    """Writes a piece of evidence for a person to read."""
    match evidence.WhichOneof("source"):
        case "text":
            place = f"“{evidence.text.text}”"
        case "audio":
            place = f"voice {evidence.audio.start_s:.1f}–{evidence.audio.end_s:.1f} s"
        case "face":
            place = f"face {evidence.face.start_s:.1f}–{evidence.face.end_s:.1f} s"
        case _:
            place = ""
    return ": ".join(part for part in (place, evidence.note) if part)


def _percent(share: float) -> str:
    return f"{share:.0%}"
