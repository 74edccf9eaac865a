"""Every RPC of the system as a typed value, read from the contracts.

A call names one of these, whatever carries it: gRPC, a service in the same process, or a fake.
"""

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

from empatheia.avatar.v1 import avatar_pb2
from empatheia.dialogue.v1 import dialogue_pb2
from empatheia.disentangler.v1 import disentangler_pb2
from empatheia.perception.v1 import perception_pb2
from empatheia.reasoning.v1 import reasoning_pb2
from empatheia.safety.v1 import safety_pb2
from empatheia.speech.v1 import speech_pb2
from empatheia.synchronizer.v1 import synchronizer_pb2
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from runtime.services import SERVICES

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


@dataclass(frozen=True)
class Rpc(Generic[Request, Response]):
    """One method of one service."""

    service: str
    """Name in the table of services."""
    full_service: str
    """Name on the wire: "empatheia.speech.v1.SpeechService"."""
    method: str
    """Name in the contract: "Synthesize"."""
    request_type: type[Request]
    response_type: type[Response]
    request_streaming: bool
    response_streaming: bool

    @property
    def path(self) -> str:
        """The path on the wire."""
        return f"/{self.full_service}/{self.method}"

    @property
    def handler(self) -> str:
        """Name of the servicer's method in Python: "list_avatars" for ListAvatars."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.method).lower()


def _descriptor(service: str) -> ServiceDescriptor:
    module = import_module(f"{SERVICES[service].proto}_pb2")
    (descriptor,) = module.DESCRIPTOR.services_by_name.values()
    return descriptor  # type: ignore[no-any-return]


def rpcs(service: str) -> dict[str, Rpc[Any, Any]]:
    """All methods of a service by their name in the contract."""
    descriptor = _descriptor(service)
    return {
        method.name: Rpc(
            service,
            descriptor.full_name,
            method.name,
            GetMessageClass(method.input_type),
            GetMessageClass(method.output_type),
            method.client_streaming,
            method.server_streaming,
        )
        for method in descriptor.methods
    }


PERCEIVE: Rpc[perception_pb2.PerceiveRequest, perception_pb2.PerceiveResponse] = rpcs("perception")[
    "Perceive"
]
ASSESS: Rpc[safety_pb2.AssessRequest, safety_pb2.AssessResponse] = rpcs("safety")["Assess"]
GENERATE: Rpc[reasoning_pb2.GenerateRequest, reasoning_pb2.GenerateResponse] = rpcs("reasoning")["Generate"]
CHOOSE: Rpc[reasoning_pb2.ChooseRequest, reasoning_pb2.ChooseResponse] = rpcs("reasoning")["Choose"]
SYNCHRONIZE: Rpc[synchronizer_pb2.SynchronizeRequest, synchronizer_pb2.SynchronizeResponse] = rpcs(
    "synchronizer"
)["Synchronize"]
DISENTANGLE: Rpc[disentangler_pb2.DisentangleRequest, disentangler_pb2.DisentangleResponse] = rpcs(
    "disentangler"
)["Disentangle"]
SYNTHESIZE: Rpc[speech_pb2.SynthesizeRequest, speech_pb2.SynthesizeResponse] = rpcs("speech")["Synthesize"]
RENDER: Rpc[avatar_pb2.RenderRequest, avatar_pb2.RenderResponse] = rpcs("avatar")["Render"]
LIST_AVATARS: Rpc[avatar_pb2.ListAvatarsRequest, avatar_pb2.ListAvatarsResponse] = rpcs("avatar")[
    "ListAvatars"
]
RESPOND: Rpc[dialogue_pb2.RespondRequest, dialogue_pb2.RespondResponse] = rpcs("gateway")["Respond"]
CONVERSE: Rpc[dialogue_pb2.ConverseRequest, dialogue_pb2.ConverseResponse] = rpcs("gateway")["Converse"]
