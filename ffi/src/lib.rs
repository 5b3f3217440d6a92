//! The only `unsafe` code of chinwag, each use with its SAFETY line.
//!
//! [`WebrtcVad`] may move between threads; [`flush_subnormals`] makes the
//! current thread treat subnormal floats as zero; [`Counting`] counts how often a
//! thread allocates; [`give_back_big_buffers`] tells the C library's allocator to.

mod counting;
mod heap;

pub use counting::{Counting, allocations};
pub use heap::give_back_big_buffers;
use webrtc_vad::{SampleRate, Vad, VadMode};

/// WebRTC's voice detector at 16 kHz, which may be sent to another thread.
pub struct WebrtcVad(Vad);

// SAFETY: `Vad` owns a heap object that only it points to, libfvad keeps no
// thread-local or global state, and every call takes `&mut self`.
unsafe impl Send for WebrtcVad {}

impl WebrtcVad {
    /// A detector at 16 kHz; `aggressiveness` 0 (lets much through) to 3.
    pub fn new(aggressiveness: u8) -> Self {
        Self(Vad::new_with_rate_and_mode(SampleRate::Rate16kHz, mode(aggressiveness)))
    }

    /// Whether 160, 320 or 480 samples hold a voice; `None` for another length.
    ///
    /// # Realtime safety
    /// No allocation, lock or system call.
    pub fn is_voice(&mut self, samples: &[i16]) -> Option<bool> {
        self.0.is_voice_segment(samples).ok()
    }

    /// Back to the state of a new detector, without freeing or allocating.
    pub fn reset(&mut self, aggressiveness: u8) {
        self.0.reset();
        self.0.set_sample_rate(SampleRate::Rate16kHz);
        self.0.set_mode(mode(aggressiveness));
    }
}

fn mode(aggressiveness: u8) -> VadMode {
    match aggressiveness {
        0 => VadMode::Quality,
        1 => VadMode::LowBitrate,
        2 => VadMode::Aggressive,
        _ => VadMode::VeryAggressive,
    }
}

/// Makes the calling thread flush subnormal floats to zero, where the
/// processor can: a decaying filter is about twice as slow without it.
pub fn flush_subnormals() {
    #[cfg(target_arch = "x86_64")]
    {
        let mut control: u32 = 0;
        // SAFETY: MXCSR is read and written through a valid, aligned u32; only
        // the flush-to-zero (15) and denormals-are-zero (6) bits change.
        unsafe {
            std::arch::asm!("stmxcsr [{0}]", in(reg) &raw mut control, options(nostack));
            control |= (1 << 15) | (1 << 6);
            std::arch::asm!("ldmxcsr [{0}]", in(reg) &raw const control, options(nostack, readonly));
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        let mut control: u64;
        // SAFETY: only the flush-to-zero bit (24) of FPCR changes.
        unsafe {
            std::arch::asm!("mrs {0}, fpcr", out(reg) control, options(nomem, nostack));
            control |= 1 << 24;
            std::arch::asm!("msr fpcr, {0}", in(reg) control, options(nomem, nostack));
        }
    }
}
