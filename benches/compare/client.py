"""The small Python client that chinwag replaces, re-created: half duplex, no interruption.

The microphone is muted from the first audio of a reply to the end of the service's turn; what is still to be
played then plays on with the microphone open. That is the kinder reading: muted to the end of the sound, it loses more.
"""

import asyncio
import contextlib

import pyaudio
from google import genai

MODEL = "gemini-3.8-live"
SEND_HZ, RECEIVE_HZ, CHUNK_FRAMES = 16_000, 24_000, 512
CONFIG = {
    "response_modalities": ["AUDIO"],
    "speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Puck"}}},
}


class Conversation:
    def __init__(self, session):
        self.session, self.sound = session, pyaudio.PyAudio()
        self.to_play, self.model_speaking = asyncio.Queue(), False

    def open(self, rate_hz, **side):
        shape = {"format": pyaudio.paInt16, "channels": 1, "frames_per_buffer": CHUNK_FRAMES}
        return self.sound.open(rate=rate_hz, **shape, **side)

    async def listen(self):
        microphone = self.open(SEND_HZ, input=True)
        while True:
            pcm = await asyncio.to_thread(microphone.read, CHUNK_FRAMES, exception_on_overflow=False)
            if not self.model_speaking:
                # The flag never reaches the wire: the SDK sends audio as realtime input, which has no such field.
                await self.session.send(input={"data": pcm, "mime_type": "audio/pcm"}, end_of_turn=True)

    async def receive(self):
        while True:
            async for response in self.session.receive():
                if response.data:
                    self.model_speaking = True
                    self.to_play.put_nowait(response.data)
            self.model_speaking = False

    async def play(self):
        speaker = self.open(RECEIVE_HZ, output=True)
        while True:
            pcm = await self.to_play.get()
            await asyncio.to_thread(speaker.write, pcm)


async def main():
    client = genai.Client()
    async with client.aio.live.connect(model=MODEL, config=CONFIG) as session:
        conversation = Conversation(session)
        await asyncio.gather(conversation.listen(), conversation.receive(), conversation.play())


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
