"""The official Python SDK talks with `chinwag sim` over TLS.

Started by run.sh, which sets GOOGLE_GEMINI_BASE_URL and SSL_CERT_FILE. Prints
one line per check and `N passed, N failed`; exits 1 where one failed.
"""

import asyncio
import contextlib
import time
import traceback
import wave
from pathlib import Path

import numpy as np
from google import genai
from google.genai import errors, types

SPEECH = Path(__file__).resolve().parents[2] / "demo" / "speech"
RATE = 16_000
CHUNK = 640  # 40 ms
SPEED = 4  # times real time: the service counts samples, not seconds
MODEL = "gemini-3.8-live"

client = genai.Client(api_key="any-key-will-do")
passed, failed = 0, 0


def check(what, is_so):
    global passed, failed
    passed, failed = passed + bool(is_so), failed + (not is_so)
    print(f"{'ok  ' if is_so else 'FAIL'} {what}")


def speech(name, seconds):
    """A turn of the demo's talker, or bursts of noise where it is not there."""
    file = SPEECH / f"{name}.wav"
    if file.exists():
        with wave.open(str(file)) as reader:
            return np.frombuffer(reader.readframes(reader.getnframes()), np.int16)
    t = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(1).normal(0, 0.1, len(t))
    return (np.clip(noise * np.abs(np.sin(9 * t)), -1, 1) * 32767).astype(np.int16)


def silence(seconds):
    return np.zeros(int(seconds * RATE), np.int16)


async def send(session, samples):
    for at in range(0, len(samples), CHUNK):
        chunk = samples[at : at + CHUNK]
        blob = types.Blob(data=chunk.tobytes(), mime_type=f"audio/pcm;rate={RATE}")
        await session.send_realtime_input(audio=blob)
        await asyncio.sleep(len(chunk) / RATE / SPEED)


class Turn:
    """What the SDK's receive() yields, up to the end of a turn."""

    def __init__(self):
        self.audio, self.said, self.user = b"", "", ""
        self.order, self.usage, self.handle = [], None, None

    def take(self, message):
        content = message.server_content
        if message.usage_metadata:
            self.usage = message.usage_metadata
        if message.session_resumption_update:
            self.handle = message.session_resumption_update.new_handle
        if not content:
            return
        if content.input_transcription:
            self.user += content.input_transcription.text or ""
        if content.output_transcription:
            self.said += content.output_transcription.text or ""
        if message.data:
            self.audio += message.data
            self.note("audio")
        for name in ("interrupted", "generation_complete", "turn_complete"):
            if getattr(content, name):
                self.note(name)

    def note(self, name):
        if self.order[-1:] != [name]:
            self.order.append(name)

    @property
    def seconds(self):
        return len(self.audio) / 48_000


async def receive(session, until=lambda turn: False):
    turn = Turn()
    async for message in session.receive():
        turn.take(message)
        if until(turn):
            break
    return turn


async def within(seconds, work):
    return await asyncio.wait_for(work, seconds)


def config(**more):
    return types.LiveConnectConfig(
        response_modalities=["AUDIO"],
        input_audio_transcription={},
        output_audio_transcription={},
        **more,
    )


async def spoken_turn():
    words = speech("user-1", 1.5)
    async with client.aio.live.connect(model=MODEL, config=config()) as session:
        sending = asyncio.create_task(send(session, np.concatenate([words, silence(1.2)])))
        turn = await within(15, receive(session))
        await sending
    check("a spoken turn is answered", turn.order == ["audio", "generation_complete", "turn_complete"])
    check(f"its reply is the user's own words ({turn.seconds:.2f} s)",
          abs(turn.seconds - len(words) / RATE) < 0.35)
    heard = np.frombuffer(turn.audio, np.int16).astype(float)
    check("its reply can be heard", len(heard) and np.sqrt(np.mean(heard**2)) > 300)
    check(f"the user is transcribed: {turn.user!r}", "of speech" in turn.user)
    check(f"the model is transcribed: {turn.said!r}", "of reply" in turn.said)
    usage = turn.usage
    check("usage comes with the turn", usage and usage.total_token_count
          == usage.prompt_token_count + usage.response_token_count > 0)


MANUAL = types.RealtimeInputConfig(
    automatic_activity_detection=types.AutomaticActivityDetection(disabled=True),
    turn_coverage=types.TurnCoverage.TURN_INCLUDES_ALL_INPUT,
)


async def manual_turn():
    words = speech("user-2", 1.5)
    async with client.aio.live.connect(
        model=MODEL, config=config(realtime_input_config=MANUAL, session_resumption={})
    ) as session:
        await session.send_realtime_input(activity_start=types.ActivityStart())
        await send(session, words)
        await session.send_realtime_input(activity_end=types.ActivityEnd())
        turn = await within(15, receive(session))
        check("a turn between activity_start and activity_end is answered",
              turn.order == ["audio", "generation_complete", "turn_complete"])
        later = await within(5, receive(session, lambda turn: turn.handle))
        check("a handle follows the turn", later.handle)
    again = config(session_resumption=types.SessionResumptionConfig(handle=later.handle))
    async with client.aio.live.connect(model=MODEL, config=again) as session:
        await session.send_client_content(
            turns=types.Content(role="user", parts=[types.Part(text="Still there?")]))
        turn = await within(15, receive(session))
        check("the session is resumed and answers text", turn.seconds > 0.2)


async def interruption():
    long, short = speech("user-2", 3), speech("user-3", 1.5)
    async with client.aio.live.connect(
        model=MODEL, config=config(realtime_input_config=MANUAL)
    ) as session:

        async def say(samples):
            await session.send_realtime_input(activity_start=types.ActivityStart())
            await send(session, samples)
            await session.send_realtime_input(activity_end=types.ActivityEnd())

        await say(np.concatenate([long] * 4))
        await within(15, receive(session, lambda turn: turn.seconds > 0.6))
        saying = asyncio.create_task(say(short))
        cut = await within(15, receive(session))
        check(f"a reply is interrupted in its middle: {cut.order}",
              cut.order[-2:] == ["interrupted", "turn_complete"]
              and "generation_complete" not in cut.order)
        check("its usage comes", cut.usage)
        turn = await within(15, receive(session))
        await saying
        check("the next turn is answered", turn.order == ["audio", "generation_complete", "turn_complete"])
        check(f"with that turn's words ({turn.seconds:.2f} s)",
              abs(turn.seconds - len(short) / RATE) < 0.35)


async def interruption_by_voice():
    long, short = speech("user-2", 3), speech("user-3", 1.5)
    async with client.aio.live.connect(model=MODEL, config=config()) as session:
        await send(session, np.concatenate([long, silence(0.1)] * 3))
        await session.send_realtime_input(audio_stream_end=True)
        await within(15, receive(session, lambda turn: turn.seconds > 0.6))
        sending = asyncio.create_task(send(session, np.concatenate([short, silence(1.2)])))
        cut = await within(15, receive(session))
        check("the service hears the user interrupt", "interrupted" in cut.order)
        turn = await within(15, receive(session))
        await sending
        check("and answers what was said", turn.seconds > 0.5)


async def refusals():
    async def code(model, config):
        try:
            async with client.aio.live.connect(model=model, config=config):
                return None
        except errors.APIError as error:
            return error.code

    check("a model that is gone closes with 1008",
          await code("gemini-2.0-flash-live-001", config()) == 1008)
    thinking = types.ThinkingConfig(thinking_level="LOW")
    check("a setup that the model does not take closes with 1007",
          await code(MODEL, config(thinking_config=thinking)) == 1007)


async def main():
    start = time.monotonic()
    for scenario in (spoken_turn, manual_turn, interruption, interruption_by_voice, refusals):
        try:
            await within(30, scenario())
        except Exception:
            traceback.print_exc()
            check(f"{scenario.__name__} runs to its end", False)
    print(f"google-genai {genai.__version__}, {time.monotonic() - start:.1f} s")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


with contextlib.suppress(KeyboardInterrupt):
    raise SystemExit(asyncio.run(main()))
