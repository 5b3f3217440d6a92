//! `chinwag doctor`: what would keep a talk from working, and the next step.

mod date;
mod echo;
mod findings;
mod network;
pub(super) mod sound;

use lexopt::Parser;
use serde_json::json;

use self::findings::{Finding, Verdict};
use super::{
    args::{self, Common, Flag},
    exit::{Exit, Failure},
    find::plan_from,
    help::Verb,
    key::Key,
    run::key_for,
    talk::teller::Teller,
};
use crate::{
    device::{Clock, Priority},
    protocol::Credential,
};

const ECHO: Flag = Flag::plain(
    "echo",
    "instead, measure the echo of the speaker and recommend a profile; it sounds for 6 s",
);

/// The verb.
pub const VERB: Verb = Verb {
    name: "doctor",
    summary: "say what would keep a talk from working",
    operands: "",
    about: "Looks for the key, goes to the service and has it accept a session without saying anything,\n\
            listens to the microphone and plays a soft tone for a second. Ends with the exit code that a\n\
            talk would end with.\n\n\
            With --echo it needs no key and no network: it plays two rising tones with a voice-like sound\n\
            between them, as loud as a model speaks, listens meanwhile, and says how late and how loud the\n\
            echo is, what the speaker distorts, how the clocks differ, what echo_cancel takes away, and\n\
            with which profile to talk. It ends with 3 where nothing of it is heard.",
    flags: &[
        &args::PLAN_FLAGS,
        &[&ECHO, &args::CA_FILE, &args::KEY_FILE, &args::JSON, &args::HELP],
    ],
    examples: &[
        ("chinwag doctor", "the default profile, the default devices"),
        ("chinwag doctor --profile pi --mic USB --speaker USB", "a kiosk's"),
        ("chinwag doctor --echo", "how well the echo of your speaker can be taken away"),
    ],
};

/// Runs the verb.
///
/// # Errors
/// Arguments or a configuration that are wrong; nobody reads any more.
pub fn run(parser: &mut Parser) -> Result<Exit, Failure> {
    let Some(given) = args::parse(&VERB, parser)? else { return Ok(Exit::Ok) };
    if let Some(surplus) = given.operands.first() {
        return Err(Failure::usage(format!("doctor takes flags only; what is \"{surplus}\"?")));
    }
    let common = Common::of(&given)?;
    let plan = plan_from(&common)?;
    let mut teller = Teller::new(common.json);
    let clock = Clock::start();
    if given.has(&ECHO) {
        return echo::examine(&plan, clock, &mut teller);
    }
    let mut exit = Exit::Ok;
    let mut tell = |finding: Finding| {
        if finding.verdict == Verdict::Bad && exit == Exit::Ok {
            exit = finding.exit;
        }
        teller.say(&finding.line())?;
        teller.emit(finding.object())
    };
    tell(Finding::ok("profile", format!("{} ({})", plan.profile, plan.origin)))?;
    let credential = match key_for(&common, &plan) {
        Ok(Key { credential, found_in }) => {
            tell(Finding::ok("key", found_in))?;
            Some(credential)
        }
        Err(failure) => {
            tell(Finding::bad("key", &failure))?;
            None
        }
    };
    let is_known = credential.is_some();
    let stand_in = || Credential::from_secret("none").map_err(Failure::internal);
    let credential = credential.map_or_else(stand_in, Ok)?;
    network::examine(&plan, credential, is_known, clock, &mut tell)?;
    sound::examine(&plan, clock, &mut tell)?;
    tell(priority())?;
    let words = match exit {
        Exit::Ok => "\na talk would work".to_owned(),
        _ => format!("\na talk would not work: {}", exit.meaning()),
    };
    teller.say(&words)?;
    teller.emit(json!({ "event": "doctor", "works": exit == Exit::Ok, "exit": exit.code() }))?;
    Ok(exit)
}

fn priority() -> Finding {
    let priority = Priority::try_out();
    match priority.next_step() {
        None => Finding::ok("priority", format!("{priority} for the threads of sound")),
        Some(next_step) => Finding::odd(
            "priority",
            "real-time priority was refused: sound may break up while the machine is busy",
            &next_step,
        ),
    }
}
