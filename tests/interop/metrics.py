"""Prometheus' own parser reads what `chinwag run --metrics` shows of a talk with `chinwag sim`.

Started by run.sh with the program, the simulator's URL and the demo's first line. Prints one line per check and `N passed, N failed`;
exits 1 where one failed.
"""

import json
import math
import subprocess
import sys
import threading
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

program, url, question = sys.argv[1:]
passed, failed = 0, 0


def check(what, is_so):
    global passed, failed
    passed, failed = passed + bool(is_so), failed + (not is_so)
    print(f"{'ok  ' if is_so else 'FAIL'} {what}")


def value_of(family, suffix="", **labels):
    """The one sample of that name and those labels."""
    wanted = [s.value for s in family.samples if s.name == family.name + suffix and labels.items() <= s.labels.items()]
    return wanted[0] if len(wanted) == 1 else math.nan


arguments = ["run", "--mic", question, "--speaker", "null", "--url", url, "--profile", "client-vad", "--json", "--metrics=0"]
talk = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
patience = threading.Timer(45, talk.kill)
patience.daemon = True
patience.start()
text, live, last, where = "", {}, {}, ""
for line in talk.stdout:
    event = json.loads(line)
    if event["event"] == "start":
        where = event["metrics"]
    elif event["event"] == "reply_finished" and not text:
        with urllib.request.urlopen(where, timeout=5) as answer:
            kind, text = answer.headers["Content-Type"], answer.read().decode()
        talk.stdin.write("quit\n")
        talk.stdin.flush()
    elif event["event"] == "figures":
        live = last if text else event["figures"]
        last = event["figures"]

check("it says where it is, on this machine", where.startswith("http://127.0.0.1:"))
check("a Prometheus server knows the format by its type", kind.startswith("text/plain; version=0.0.4"))
families = {family.name: family for family in text_string_to_metric_families(text)}
names = {(name if family.type != "counter" else f"{name}_total").removeprefix("chinwag_") for name, family in families.items()}
check(f"the parser finds the {len(last)} figures that --json has", names == set(last))
check("every family is documented", all(family.documentation for family in families.values()))
kinds = {family.type for family in families.values()}
check("there are counters, gauges and histograms", kinds == {"counter", "gauge", "histogram"})
for name, family in families.items():
    if family.type == "histogram" and len({frozenset(s.labels.items() - {("le", s.labels.get("le"))}) for s in family.samples}) == 1:
        buckets = [s.value for s in family.samples if s.name == f"{name}_bucket"]
        check(f"{name}: buckets rise to the count", buckets == sorted(buckets) and buckets[-1] == value_of(family, "_count"))
for name in ("capture_to_wire", "end_to_wire", "end_to_reply", "speech_to_audible", "ring_to_audible", "worker_wake_up"):
    count = value_of(families[f"chinwag_{name}_seconds"], "_count")
    check(f"{name} was measured {count:.0f} times", count >= 1)
stage = value_of(families["chinwag_stage_seconds"], "_count", chain="capture", stage="vad")
check("the detector's time is there by its labels", stage > 100)
sent = families["chinwag_queue_taken_frames"]
check("a count is never above its last", value_of(sent, "_total") <= last["queue_taken_frames_total"])
check("the program ended well", talk.wait() == 0)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
