"""The table of services: adding a service is one folder and one line here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceEntry:
    """What the rest of the system needs to know of a service in order to host and call it."""

    name: str
    """Its name: also its folder under `services/` and its Ray Serve application."""
    proto: str
    """Module of its generated contract, without `_pb2`."""
    servicer: str
    """`module:class` of its servicer."""

    @property
    def add_servicer(self) -> str:
        """Import path of the generated function that registers its servicer with a gRPC server."""
        contract = self.proto.rpartition(".")[2]
        return f"{self.proto}_pb2_grpc.add_{contract.capitalize()}ServiceServicer_to_server"


def _entry(name: str, servicer: str, contract: str = "") -> ServiceEntry:
    contract = contract or name
    return ServiceEntry(name, f"empatheia.{contract}.v1.{contract}", servicer)


SERVICES: dict[str, ServiceEntry] = {
    entry.name: entry
    for entry in (
        _entry("perception", "services.perception.service:PerceptionService"),
        _entry("safety", "services.safety.service:SafetyService"),
        _entry("reasoning", "services.reasoning.service:ReasoningService"),
        _entry("synchronizer", "services.synchronizer.service:SynchronizerService"),
        _entry("disentangler", "services.disentangler.service:DisentanglerService"),
        _entry("speech", "services.speech.service:SpeechService"),
        _entry("avatar", "services.avatar.service:AvatarService"),
        _entry("gateway", "services.gateway.service:DialogueService", contract="dialogue"),
    )
}
