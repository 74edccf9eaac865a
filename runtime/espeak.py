"""espeak-ng (GPL-3, used at run time only) through ctypes: text to sound, with the time of every phoneme.

The library is global state and not thread-safe, so one process holds one instance, and a lock lets one
text through at a time; a sentence takes some milliseconds. Every call sets voice and parameters anew. The
stock voices carry a flutter whose phase runs on from call to call, so that no two readings of a text are
alike; the voices here are their like without flutter and roughness: same text, same samples.
"""

import ctypes
import tempfile
import threading
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

_SYNCHRONOUS = 2
_PHONEME_EVENTS, _IPA_NAMES, _DONT_EXIT = 0x0001, 0x0002, 0x8000
_CHARS_UTF8 = 1
_RATE, _LEVEL, _PITCH, _RANGE = 1, 2, 3, 4
_EVENT_END, _EVENT_PHONEME = 0, 7
_OK = 0

_VOICES = {
    "en-us": "phonemes en-us\ndictrules 3 6\nstressLength 140 120 190 170 0 0 255 300",
    "en-gb": "phonemes en\ndictrules 1",
}
_STOCK = ".stock"
SOURCE_PITCH_HZ = 120
"""Pitch of our voices on one tone. Lower, a vocoder's windows grow longer than the sounds; higher, it has
fewer harmonics to tell the envelope by."""
_PITCH_OFFSET_HZ = 9
"""The tone lies so far under what a voice file says; measured from 71 to 291 Hz."""
_STEADY = f"""klatt 4
flutter 0
roughness 0
consonants 125 125
pitch {SOURCE_PITCH_HZ + _PITCH_OFFSET_HZ} {SOURCE_PITCH_HZ + _PITCH_OFFSET_HZ}
"""
"""The fourth voice of its Klatt synthesiser, with stronger consonants. Phone error rate of pocketsphinx on 44
sentences: 0.38, against 0.53 of the stock voice and 0.49 of the best one of its other synthesiser."""
_HEIGHTS, _WIDTH = (80, 80, 70, 70, 80, 80, 70, 70, 70), 150
"""Formants lower and wider than the stock voice's: less nasal."""
_VOLUME = 50
"""In percent: at 100 the Klatt synthesiser clips."""
_SETTLING = "a"
"""Spoken unheard before each text.

The Klatt synthesiser keeps something of what it said last, which shifts sounds by 64 samples and which no
new start of the library clears; after one and the same sound it is always the same. Of 124 texts after
others 23 came out otherwise without this, none with it. It takes 0.6 ms.
"""
_SHORTEST_PAUSE_S = 0.03

_PRIMARY, _SECONDARY = "ˈ", "ˌ"


class _Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h; the union is read as its 8-byte string."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


_UNHEARD = _Callback(lambda samples, count, events: 0)


@dataclass(frozen=True)
class Sound:
    """A phoneme, or a pause."""

    ipa: str
    """Symbol without its stress mark; empty for a pause."""
    stress: int
    """0 none, 1 secondary, 2 primary."""
    start_s: float
    end_s: float
    position: int
    """Index of the first character of the word it belongs to."""


@dataclass(frozen=True)
class Spoken:
    """What espeak-ng made of a text."""

    samples: NDArray[np.int16]
    """PCM, one channel."""
    sample_rate: int
    sounds: tuple[Sound, ...]
    """Without gaps, from 0; the silence at the end of the samples is left out."""


class Espeak:
    """The library; take the process's one instance from `espeak()`."""

    def __init__(self) -> None:
        """Loads the library and its data.

        Raises:
            RuntimeError: espeak-ng can't read its data.
        """
        self._lock = threading.Lock()
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        flags = _PHONEME_EVENTS | _IPA_NAMES | _DONT_EXIT
        self._sample_rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, flags)
        if self._sample_rate <= 0:
            raise RuntimeError("espeak-ng can't read its data: install espeakng-loader anew")
        # A path of more than some 150 characters is not found, so the voices lie in the temporary folder.
        self._folder = tempfile.TemporaryDirectory(prefix="espeak")
        self._library.espeak_Info.restype = ctypes.c_char_p
        self.version: str = self._library.espeak_Info(None).decode().split()[0]

    def speak(
        self,
        text: str,
        *,
        voice: str = "en-us",
        words_per_minute: int = 165,
        pitch: int = 50,
        pitch_range: int = 0,
        formants: float = 1.0,
    ) -> Spoken:
        """Speaks a text.

        Args:
            text: What to say; may be empty.
            voice: One of `voices()`; with ".stock" behind it as espeak-ng has it, to compare with.
            words_per_minute: 80 to 450.
            pitch: 0 to 100; 50 is the voice's own.
            pitch_range: 0 (one pitch throughout) to 100; 50 is the voice's own.
            formants: Factor on their frequencies, in steps of 0.01; our voices only.

        Raises:
            RuntimeError: espeak-ng failed.
        """
        blocks: list[NDArray[np.int16]] = []
        marks: list[tuple[int, int, str]] = []

        def collect(samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: object) -> int:
            if samples and count:
                blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
            marks.extend(_phonemes(events))
            return 0

        callback = _Callback(collect)
        with self._lock:
            self._library.espeak_SetSynthCallback(_UNHEARD)
            file = self._file(voice, formants)
            if self._library.espeak_SetVoiceByFile(str(file).encode()) != _OK:
                raise RuntimeError(f"espeak-ng can't read the voice {file}")
            for parameter, value in (
                (_RATE, words_per_minute),
                (_LEVEL, _VOLUME),
                (_PITCH, pitch),
                (_RANGE, pitch_range),
            ):
                self._library.espeak_SetParameter(parameter, value, 0)
            self._synthesise(_SETTLING)
            self._library.espeak_SetSynthCallback(callback)
            code = self._synthesise(text)
        if code != _OK:
            raise RuntimeError(f"espeak-ng failed with code {code}")
        samples = np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
        return Spoken(samples, self._sample_rate, _sounds(marks, len(samples), self._sample_rate))

    def _synthesise(self, text: str) -> int:
        data = text.encode()
        code: int = self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
        return code

    def _file(self, voice: str, formants: float) -> Path:
        """The definition of a voice, written when it is first asked for."""
        percent = round(100 * formants)
        file = Path(self._folder.name, f"{voice}-{percent}")
        if not file.exists():
            name = voice.removesuffix(_STOCK)
            lines = [f"name {name}", f"language {name}", _VOICES[name]]
            if name == voice:
                lines.append(_STEADY)
                lines += [f"formant {i} {percent} {h} {_WIDTH}" for i, h in enumerate(_HEIGHTS)]
            file.write_text("\n".join(lines) + "\n")
        return file


def voices() -> tuple[str, ...]:
    """Names of the voices, which are BCP 47 tags in lower case."""
    return tuple(_VOICES)


_starting = threading.Lock()


def espeak() -> Espeak:
    """The instance of this process."""
    # Two that start at once would crash: `cache` alone lets both in.
    with _starting:
        return _instance()


@cache
def _instance() -> Espeak:
    return Espeak()


def _phonemes(events: object) -> list[tuple[int, int, str]]:
    """Reads an event list: sample, character position, name of each phoneme."""
    found = []
    index = 0
    while (event := events[index]).type != _EVENT_END:  # type: ignore[index]
        if event.type == _EVENT_PHONEME:
            # A name that fills all 8 bytes has no terminator, and may end inside a character.
            raw = ctypes.string_at(ctypes.addressof(event) + _Event.name.offset, 8).split(b"\0")[0]
            found.append((event.sample, event.text_position, raw.decode(errors="ignore")))
        index += 1
    return found


def _sounds(marks: list[tuple[int, int, str]], samples: int, rate: int) -> tuple[Sound, ...]:
    starts = [min(sample, samples) for sample, _, _ in marks]
    sounds = [Sound("", 0, 0.0, starts[0] / rate, 0)] if starts and starts[0] > 0 else []
    for (_, position, name), start, end in zip(marks, starts, [*starts[1:], samples], strict=True):
        stress = 2 if _PRIMARY in name else 1 if _SECONDARY in name else 0
        ipa = name.replace(_PRIMARY, "").replace(_SECONDARY, "")
        pause_after_pause = not ipa and sounds and not sounds[-1].ipa
        if pause_after_pause or (not ipa and sounds and (end - start) / rate < _SHORTEST_PAUSE_S):
            sounds[-1] = replace(sounds[-1], end_s=end / rate)
        elif end > start:
            sounds.append(Sound(ipa, stress, start / rate, end / rate, max(0, position - 1)))
    while sounds and not sounds[-1].ipa:
        sounds.pop()
    return tuple(sounds)
