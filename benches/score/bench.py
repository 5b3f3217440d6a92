"""What the benches that score a set have in common: a program, a profile, a set, and score.py."""
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# One stage and no detector: what a replay costs without those that are measured.
BARE = '[profile.none.turn]\nmode = "push-to-talk"\n\n[[profile.none.capture]]\nstage = "resample"\nrate_hz = 16000\n'


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, text=True).stdout


def target_folder():
    return json.loads(output("cargo", "metadata", "--format-version", "1", "--no-deps"))["target_directory"]


def program(given):
    """The program that is asked for, or a fresh release build."""
    if given is None:
        subprocess.run(["cargo", "build", "--quiet", "--release", "--bin", "chinwag"], check=True, cwd=ROOT)
        given = os.path.join(target_folder(), "release", "chinwag")
    return os.path.abspath(given)


def python_with_numpy():
    """This Python where it has numpy, or else one of ours."""
    if subprocess.run([sys.executable, "-c", "import numpy"], stderr=subprocess.DEVNULL).returncode == 0:
        return sys.executable
    folder, wanted = os.path.join(target_folder(), "score-python"), os.path.join(HERE, "requirements.txt")
    python, installed = os.path.join(folder, "bin", "python"), os.path.join(folder, "requirements.txt")
    if not os.path.exists(installed) or open(installed).read() != open(wanted).read():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", wanted], check=True)
        shutil.copy(wanted, installed)
    return python


def score(python, set_dir, decisions, parts):
    """What score.py prints, and what it found."""
    out = decisions + ".scores"
    script = os.path.join(HERE, "score.py")
    text = output(python, script, set_dir, decisions, "--only", ",".join(parts), "--json", out)
    with open(out) as scores:
        return text, json.load(scores)


def bare_plan(scratch):
    """The flags for a plan without any stage that is measured."""
    path = os.path.join(scratch, "bare.toml")
    with open(path, "w") as out:
        out.write(BARE)
    return ["--config", path, "--profile", "none", "--turn", "push-to-talk"]


def has_valgrind():
    if shutil.which("valgrind") is None:
        print("\ncost: skipped, valgrind is not here; apt-get install valgrind")
        return False
    return True


def instructions(chinwag, scratch, *replay):
    """How many a replay takes."""
    log = os.path.join(scratch, "callgrind.log")
    command = ["valgrind", "--tool=callgrind", f"--log-file={log}", "--callgrind-out-file=/dev/null"]
    output(*command, chinwag, "replay", *replay, "--json")
    return int(re.search(r"Collected\s*:\s*(\d+)", open(log).read())[1])


def calls_and_instructions(scratch, counted, within, *command):
    """How often a function is called, and how many instructions a command
    takes, both within these functions only."""
    log, profile = (os.path.join(scratch, f"callgrind.{end}") for end in ("log", "out"))
    toggles = [f"--toggle-collect={function}" for function in within]
    output("valgrind", "--tool=callgrind", f"--log-file={log}", f"--callgrind-out-file={profile}", *toggles, *command)
    text = open(profile).read()
    number = re.search(rf"\((\d+)\) {re.escape(counted)}\n", text)[1]
    calls = sum(int(n) for n in re.findall(rf"cfn=\({number}\)[^\n]*\ncalls=(\d+)", text))
    return calls, int(re.search(r"Collected\s*:\s*(\d+)", open(log).read())[1])
