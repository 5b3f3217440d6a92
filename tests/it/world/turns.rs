//! Turns in all modes, full and half duplex.

use super::*;

#[test]
fn one_spoken_turn_is_heard_and_answered_whole() {
    let world = run(one_turn("client", "full", 2_000), 10);
    println!("{}", world.transcript());
    let windows = world.transcript().windows();
    let heard = world.service().unwrap().heard();
    assert_eq!((windows.len(), heard.turns.len()), (1, 1));
    let (first, samples, end) = &windows[0];
    assert_eq!(heard.turns[0].pcm[..], samples[..]);
    assert_eq!(Some(first + samples.len() as i64), *end);
    let sounding = world.transcript().played.iter().filter(|s| s.abs() > 1e-4).count();
    assert!((95_000..=96_400).contains(&sounding), "{sounding}");
}
