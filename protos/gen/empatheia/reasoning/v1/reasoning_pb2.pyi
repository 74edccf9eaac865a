from empatheia.common.v1 import affect_pb2 as _affect_pb2
from empatheia.common.v1 import dialogue_pb2 as _dialogue_pb2
from empatheia.common.v1 import service_pb2 as _service_pb2
from empatheia.common.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FinishReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINISH_REASON_UNSPECIFIED: _ClassVar[FinishReason]
    FINISH_REASON_STOP: _ClassVar[FinishReason]
    FINISH_REASON_LENGTH: _ClassVar[FinishReason]
FINISH_REASON_UNSPECIFIED: FinishReason
FINISH_REASON_STOP: FinishReason
FINISH_REASON_LENGTH: FinishReason

class CompletedStep(_message.Message):
    __slots__ = ("name", "instruction", "text")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    name: str
    instruction: str
    text: str
    def __init__(self, name: _Optional[str] = ..., instruction: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Example(_message.Message):
    __slots__ = ("dialogue", "steps")
    DIALOGUE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    dialogue: _containers.RepeatedCompositeFieldContainer[_dialogue_pb2.Utterance]
    steps: _containers.RepeatedCompositeFieldContainer[CompletedStep]
    def __init__(self, dialogue: _Optional[_Iterable[_Union[_dialogue_pb2.Utterance, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[CompletedStep, _Mapping]]] = ...) -> None: ...

class ReasoningContext(_message.Message):
    __slots__ = ("system", "examples", "dialogue", "observations", "steps", "step", "instruction", "features")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    DIALOGUE_FIELD_NUMBER: _ClassVar[int]
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    system: str
    examples: _containers.RepeatedCompositeFieldContainer[Example]
    dialogue: _containers.RepeatedCompositeFieldContainer[_dialogue_pb2.Utterance]
    observations: _containers.RepeatedScalarFieldContainer[str]
    steps: _containers.RepeatedCompositeFieldContainer[CompletedStep]
    step: str
    instruction: str
    features: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.Tensor]
    def __init__(self, system: _Optional[str] = ..., examples: _Optional[_Iterable[_Union[Example, _Mapping]]] = ..., dialogue: _Optional[_Iterable[_Union[_dialogue_pb2.Utterance, _Mapping]]] = ..., observations: _Optional[_Iterable[str]] = ..., steps: _Optional[_Iterable[_Union[CompletedStep, _Mapping]]] = ..., step: _Optional[str] = ..., instruction: _Optional[str] = ..., features: _Optional[_Iterable[_Union[_tensor_pb2.Tensor, _Mapping]]] = ...) -> None: ...

class GenerationOptions(_message.Message):
    __slots__ = ("max_tokens", "temperature", "top_p", "repetition_penalty", "stop", "seed", "no_repeat_ngram")
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    REPETITION_PENALTY_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    NO_REPEAT_NGRAM_FIELD_NUMBER: _ClassVar[int]
    max_tokens: int
    temperature: float
    top_p: float
    repetition_penalty: float
    stop: _containers.RepeatedScalarFieldContainer[str]
    seed: int
    no_repeat_ngram: int
    def __init__(self, max_tokens: _Optional[int] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., repetition_penalty: _Optional[float] = ..., stop: _Optional[_Iterable[str]] = ..., seed: _Optional[int] = ..., no_repeat_ngram: _Optional[int] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("context", "options", "prefill", "want_signals")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PREFILL_FIELD_NUMBER: _ClassVar[int]
    WANT_SIGNALS_FIELD_NUMBER: _ClassVar[int]
    context: ReasoningContext
    options: GenerationOptions
    prefill: str
    want_signals: bool
    def __init__(self, context: _Optional[_Union[ReasoningContext, _Mapping]] = ..., options: _Optional[_Union[GenerationOptions, _Mapping]] = ..., prefill: _Optional[str] = ..., want_signals: _Optional[bool] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("prompt_tokens", "cached_tokens", "completion_tokens", "prefill_ms", "decode_ms")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PREFILL_MS_FIELD_NUMBER: _ClassVar[int]
    DECODE_MS_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    prefill_ms: float
    decode_ms: float
    def __init__(self, prompt_tokens: _Optional[int] = ..., cached_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., prefill_ms: _Optional[float] = ..., decode_ms: _Optional[float] = ...) -> None: ...

class TextDelta(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class GenerateResult(_message.Message):
    __slots__ = ("text", "finish_reason", "usage", "mean_logprob", "signals", "model", "dropped_utterances")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    MEAN_LOGPROB_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DROPPED_UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    text: str
    finish_reason: FinishReason
    usage: Usage
    mean_logprob: float
    signals: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.Tensor]
    model: _service_pb2.ModelInfo
    dropped_utterances: int
    def __init__(self, text: _Optional[str] = ..., finish_reason: _Optional[_Union[FinishReason, str]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., mean_logprob: _Optional[float] = ..., signals: _Optional[_Iterable[_Union[_tensor_pb2.Tensor, _Mapping]]] = ..., model: _Optional[_Union[_service_pb2.ModelInfo, _Mapping]] = ..., dropped_utterances: _Optional[int] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("delta", "result")
    DELTA_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    delta: TextDelta
    result: GenerateResult
    def __init__(self, delta: _Optional[_Union[TextDelta, _Mapping]] = ..., result: _Optional[_Union[GenerateResult, _Mapping]] = ...) -> None: ...

class Choice(_message.Message):
    __slots__ = ("label", "text", "prior")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PRIOR_FIELD_NUMBER: _ClassVar[int]
    label: str
    text: str
    prior: float
    def __init__(self, label: _Optional[str] = ..., text: _Optional[str] = ..., prior: _Optional[float] = ...) -> None: ...

class ChooseRequest(_message.Message):
    __slots__ = ("context", "choices", "prefill", "evidence_weight", "want_scores")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    PREFILL_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    WANT_SCORES_FIELD_NUMBER: _ClassVar[int]
    context: ReasoningContext
    choices: _containers.RepeatedCompositeFieldContainer[Choice]
    prefill: str
    evidence_weight: float
    want_scores: bool
    def __init__(self, context: _Optional[_Union[ReasoningContext, _Mapping]] = ..., choices: _Optional[_Iterable[_Union[Choice, _Mapping]]] = ..., prefill: _Optional[str] = ..., evidence_weight: _Optional[float] = ..., want_scores: _Optional[bool] = ...) -> None: ...

class ChoiceScore(_message.Message):
    __slots__ = ("label", "logprob", "tokens")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    LOGPROB_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    label: str
    logprob: float
    tokens: int
    def __init__(self, label: _Optional[str] = ..., logprob: _Optional[float] = ..., tokens: _Optional[int] = ...) -> None: ...

class ChooseResponse(_message.Message):
    __slots__ = ("distribution", "usage", "model", "dropped_utterances", "scores")
    DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DROPPED_UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    distribution: _affect_pb2.Distribution
    usage: Usage
    model: _service_pb2.ModelInfo
    dropped_utterances: int
    scores: _containers.RepeatedCompositeFieldContainer[ChoiceScore]
    def __init__(self, distribution: _Optional[_Union[_affect_pb2.Distribution, _Mapping]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., model: _Optional[_Union[_service_pb2.ModelInfo, _Mapping]] = ..., dropped_utterances: _Optional[int] = ..., scores: _Optional[_Iterable[_Union[ChoiceScore, _Mapping]]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("description",)
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    description: _service_pb2.ServiceDescription
    def __init__(self, description: _Optional[_Union[_service_pb2.ServiceDescription, _Mapping]] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: _service_pb2.ServiceStatus
    def __init__(self, status: _Optional[_Union[_service_pb2.ServiceStatus, _Mapping]] = ...) -> None: ...
