// The official JavaScript SDK talks with `chinwag sim` over a plain socket.
//
// Started by run.sh with the simulator's http:// address as argument. Prints
// one line per check and `N passed, N failed`; exits 1 where one failed.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { GoogleGenAI, Modality } from "@google/genai";

const RATE = 16_000;
const CHUNK = 640; // 40 ms
const SPEED = 4; // times real time: the service counts samples, not seconds
const MODEL = "gemini-3.8-live";
const MANUAL = { realtimeInputConfig: { automaticActivityDetection: { disabled: true } } };

const client = new GoogleGenAI({ apiKey: "any-key-will-do", httpOptions: { baseUrl: process.argv[2] } });
let passed = 0;
let failed = 0;

function check(what, isSo) {
  isSo ? passed++ : failed++;
  console.log(`${isSo ? "ok  " : "FAIL"} ${what}`);
}

/** The samples of a turn of the demo's talker, whose header has 44 bytes. */
function speech(name) {
  const file = readFileSync(new URL(`../../demo/speech/${name}.wav`, import.meta.url)).subarray(44);
  return new Int16Array(file.buffer.slice(file.byteOffset, file.byteOffset + (file.length & ~1)));
}

function repeat(samples, times) {
  const all = new Int16Array(samples.length * times);
  for (let i = 0; i < times; i++) all.set(samples, i * samples.length);
  return all;
}

async function send(session, samples) {
  for (let at = 0; at < samples.length; at += CHUNK) {
    const chunk = samples.slice(at, at + CHUNK);
    const data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("base64");
    session.sendRealtimeInput({ audio: { data, mimeType: `audio/pcm;rate=${RATE}` } });
    await sleep((chunk.length / RATE / SPEED) * 1000);
  }
}

/** One connection, and what came over it, turn by turn. */
class Talk {
  messages = [];
  waiting = null;
  closed = null;

  static async open(config = {}, model = MODEL) {
    const talk = new Talk();
    const wake = () => talk.waiting?.();
    // The SDK waits for ever where the service closes instead of accepting.
    const gone = new Promise((resolve) => { talk.gone = resolve; });
    const connected = client.live.connect({
      model,
      config: { responseModalities: [Modality.AUDIO], outputAudioTranscription: {}, inputAudioTranscription: {}, ...config },
      callbacks: {
        onmessage: (message) => { talk.messages.push(message); wake(); },
        onclose: (event) => { talk.closed = event; talk.gone(); wake(); },
        onerror: () => {},
      },
    });
    talk.session = await Promise.race([connected, gone]);
    return talk;
  }

  async next() {
    const patience = AbortSignal.timeout(15_000);
    while (this.messages.length === 0) {
      if (this.closed || patience.aborted) return null;
      const told = new Promise((resolve) => { this.waiting = resolve; });
      await Promise.race([told, sleep(1_000)]);
    }
    return this.messages.shift();
  }

  /** Up to the end of a turn, or until `enough` says so. */
  async turn(enough = () => false) {
    const turn = { bytes: 0, said: "", user: "", order: [], usage: null };
    const note = (what) => { if (turn.order.at(-1) !== what) turn.order.push(what); };
    for (let message = await this.next(); message; message = await this.next()) {
      const content = message.serverContent;
      turn.usage = message.usageMetadata ?? turn.usage;
      turn.user += content?.inputTranscription?.text ?? "";
      turn.said += content?.outputTranscription?.text ?? "";
      for (const part of content?.modelTurn?.parts ?? []) {
        turn.bytes += Buffer.from(part.inlineData?.data ?? "", "base64").length;
        note("audio");
      }
      for (const what of ["interrupted", "generationComplete", "turnComplete"]) {
        if (content?.[what]) note(what);
      }
      if (content?.turnComplete || enough(turn)) break;
    }
    return { ...turn, seconds: turn.bytes / 48_000 };
  }
}

async function spokenTurn() {
  const talk = await Talk.open();
  const words = speech("user-1");
  await send(talk.session, words);
  await send(talk.session, new Int16Array(RATE * 1.2));
  const turn = await talk.turn();
  check(`a spoken turn is answered: ${turn.order}`,
    turn.order.join() === "audio,generationComplete,turnComplete");
  const spoken = words.length / RATE;
  check(`with the user's own words (${turn.seconds.toFixed(2)} s)`, Math.abs(turn.seconds - spoken) < 0.6);
  check("captions of both come", turn.user !== "" && turn.said !== "");
  check("its usage comes", turn.usage?.totalTokenCount > 0);
  talk.session.sendClientContent({ turns: "Still there?", turnComplete: true });
  check("the same session answers text", (await talk.turn()).seconds > 0.2);
  talk.session.close();
}

async function interruption() {
  const talk = await Talk.open(MANUAL);
  const say = async (samples) => {
    talk.session.sendRealtimeInput({ activityStart: {} });
    await send(talk.session, samples);
    talk.session.sendRealtimeInput({ activityEnd: {} });
  };
  const short = speech("user-3");
  await say(repeat(speech("user-2"), 4));
  await talk.turn((turn) => turn.bytes > 0.6 * 48_000);
  const saying = say(short);
  const cut = await talk.turn();
  check(`a reply is interrupted in its middle: ${cut.order}`,
    cut.order.slice(-2).join() === "interrupted,turnComplete" && !cut.order.includes("generationComplete"));
  const turn = await talk.turn();
  await saying;
  check(`the next turn is answered (${turn.seconds.toFixed(2)} s)`,
    Math.abs(turn.seconds - short.length / RATE) < 0.35);
  talk.session.close();
}

async function refusal() {
  const talk = await Talk.open({}, "gemini-2.0-flash-live-001");
  check(`a model that is gone closes with 1008: ${talk.closed?.code}`, talk.closed?.code === 1008);
}

const start = performance.now();
for (const scenario of [spokenTurn, interruption, refusal]) {
  try {
    await scenario();
  } catch (error) {
    console.error(error);
    check(`${scenario.name} runs to its end`, false);
  }
}
console.log(`@google/genai on node ${process.version}, ${((performance.now() - start) / 1000).toFixed(1)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
