//! How the C library's allocator treats what a device needs.

/// From now on a buffer of 128 KiB or more goes back to the system when it is
/// freed, always. Otherwise glibc raises that bound to the largest one that was
/// freed, and the rings of a device that was opened anew leave a hole of a
/// megabyte in the heap of whichever thread opened it. Does nothing, and says
/// true, where another allocator is used.
pub fn give_back_big_buffers() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;

        /// malloc.h.
        const M_MMAP_THRESHOLD: c_int = -3;
        // SAFETY: `int mallopt(int, int)` of malloc.h; it takes any values.
        unsafe extern "C" {
            safe fn mallopt(param: c_int, value: c_int) -> c_int;
        }
        mallopt(M_MMAP_THRESHOLD, 128 * 1024) == 1
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    true
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_allocator_takes_the_bound() {
        assert!(super::give_back_big_buffers());
    }
}
