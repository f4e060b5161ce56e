//! The SIMD levels of this machine.

use fearless_simd::Level;

/// Every level that this machine has, by name, the scalar one first.
#[must_use]
pub fn levels() -> Vec<(&'static str, Level)> {
    let mut levels = vec![("scalar", Level::fallback())];
    #[cfg(target_arch = "x86_64")]
    {
        let best = Level::new();
        levels.extend(best.as_sse2().map(|token| ("SSE2", Level::Sse2(token))));
        levels.extend(best.as_sse4_2().map(|token| ("SSE4.2", Level::Sse4_2(token))));
        levels.extend(best.as_avx2().map(|token| ("AVX2", Level::Avx2(token))));
        levels.extend(best.as_avx512().map(|token| ("AVX-512", Level::Avx512(token))));
    }
    #[cfg(target_arch = "aarch64")]
    levels.extend(Level::new().as_neon().map(|token| ("NEON", Level::Neon(token))));
    levels
}

/// One of them, by any byte.
#[must_use]
pub fn level_of(byte: u8) -> Level {
    let levels = levels();
    levels[usize::from(byte) % levels.len()].1
}
