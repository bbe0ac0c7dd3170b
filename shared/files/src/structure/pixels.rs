//! The limit on the size of an image.

use super::source::Broken;

/// The largest number of pixels. A viewer needs more than a GiB to decode a larger image.
const MAX_PIXELS: u64 = 1 << 28;

/// Errors: one side is 0, or the image has too many pixels.
pub(super) fn check(width: u32, height: u32) -> Result<(), Broken> {
    let pixels = u64::from(width) * u64::from(height);
    Broken::unless((1..=MAX_PIXELS).contains(&pixels))
}
